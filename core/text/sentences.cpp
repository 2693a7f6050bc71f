#include "core/text/sentences.h"

#include <unicode/brkiter.h>
#include <unicode/filteredbrk.h>
#include <unicode/utext.h>

#include <cstdint>
#include <limits>
#include <memory>

namespace headscope {
namespace {

struct CloseText {
  void operator()(UText* text) const { utext_close(text); }
};

// Without the abbreviations where ICU has no list of them.
std::unique_ptr<icu::BreakIterator> sentence_iterator(UErrorCode& code) {
  std::unique_ptr<icu::BreakIterator> plain(
      icu::BreakIterator::createSentenceInstance(icu::Locale::getEnglish(), code));
  if (U_FAILURE(code)) return nullptr;
  UErrorCode filtered = U_ZERO_ERROR;
  const std::unique_ptr<icu::FilteredBreakIteratorBuilder> builder(
      icu::FilteredBreakIteratorBuilder::createInstance(icu::Locale::getEnglish(), filtered));
  if (U_FAILURE(filtered)) return plain;
  for (const char16_t* abbreviation : {u"Dr.", u"St."})  // not in ICU's list
    builder->suppressBreakAfter(abbreviation, filtered);
  std::unique_ptr<icu::BreakIterator> copy(plain->clone());
  std::unique_ptr<icu::BreakIterator> with(
      builder->wrapIteratorWithFilter(copy.release(), filtered));
  return U_SUCCESS(filtered) && with ? std::move(with) : std::move(plain);
}

}  // namespace

Result<std::vector<ByteSpan>> find_sentences(std::string_view text) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int32_t>::max())) {
    return bad_input("a text of more than 2 GiB is not divided into sentences");
  }
  UErrorCode code = U_ZERO_ERROR;
  const std::unique_ptr<UText, CloseText> bytes(
      utext_openUTF8(nullptr, text.data(), static_cast<std::int64_t>(text.size()), &code));
  const auto iterator = sentence_iterator(code);
  if (iterator) iterator->setText(bytes.get(), code);
  if (U_FAILURE(code)) {
    return fail(ErrorKind::internal, std::string("ICU finds no sentences: ") + u_errorName(code));
  }
  std::vector<ByteSpan> sentences;
  std::size_t begin = 0;
  for (int32_t at = iterator->first(); at != icu::BreakIterator::DONE; at = iterator->next()) {
    const auto end = static_cast<std::size_t>(at);
    if (end <= begin) continue;
    sentences.push_back({begin, end});
    begin = end;
  }
  if (begin < text.size()) sentences.push_back({begin, text.size()});
  return sentences;
}

}  // namespace headscope
