// links: headscope_app_testing
// What a file is follows from its content; what is not understood is refused with what would be.
#include <doctest/doctest.h>

#include <string>

#include "app/shell/recent_files.h"
#include "app/shell/recognise.h"
#include "app/shell/session_file.h"
#include "core/base/file.h"
#include "core/text/dataset.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

struct Folder : test::TemporaryFolder {
  std::string put(const std::string& name, const std::string& bytes) const {
    const auto path = *this / name;
    std::filesystem::create_directories(path.parent_path());
    REQUIRE(write_file_atomically(path, bytes).has_value());
    return path.string();
  }
};

FileKind kind_of(const std::string& path) {
  const auto kind = recognise(path);
  REQUIRE_MESSAGE(kind.has_value(), (kind ? "" : kind.error().message));
  return *kind;
}

}  // namespace

TEST_CASE("what the window opens is recognised, whatever its name") {
  const Folder folder;
  CHECK(kind_of(folder.put("model.bin", std::string("GGUF\3\0\0\0", 8))) == FileKind::model);
  folder.put("hf/config.json", "{}");
  CHECK(kind_of((folder / "hf").string()) == FileKind::model);
  folder.put("peft/adapter_config.json", "{}");
  CHECK(kind_of((folder / "peft").string()) == FileKind::adapter);

  TabRecord tab;
  tab.request.prompt.text = "Question: Who?";
  REQUIRE(write_session(folder / "work.json", {{tab}, 0}).has_value());
  CHECK(kind_of((folder / "work.json").string()) == FileKind::session);
  CHECK(
      kind_of(folder.put("old.json", R"({"version":1,"prompt":{"text":"x"},"intervention":{}})")) ==
      FileKind::session);
  CHECK(kind_of(folder.put("heads.txt", "[[0, 1], [2, 3]]")) == FileKind::head_set);
  CHECK(kind_of(folder.put("scores.json", R"({"ranking":[[1,2],[0,0]]})")) == FileKind::head_set);

  QaSample sample;
  sample.question = "Who?";
  sample.documents = {{"A", "text.", true, false}};
  const std::string line = sample_to_json_line(sample);
  CHECK(kind_of(folder.put("questions", line + "\n" + line + "\n")) == FileKind::data);
  CHECK(kind_of(folder.put("one.json", line)) == FileKind::data);
  REQUIRE(write_dataset(folder / "packed.gz", std::vector{sample}).has_value());
  CHECK(kind_of((folder / "packed.gz").string()) == FileKind::data);

  CHECK(kind_of(folder.put("lesson.md", "# Title\n```window\n{}\n```\n")) == FileKind::lesson);
  CHECK(kind_of(folder.put("prompt", "Question: Wer ist \xc3\xbc?\n")) == FileKind::prompt);
  CHECK(kind_of(folder.put("bracket.txt", "[1] The first source says so.\n")) == FileKind::prompt);
}

TEST_CASE("a long first line is a question by its keys; a character cut at the end does no harm") {
  const Folder folder;
  QaSample sample;
  sample.question = "Who?";
  sample.documents = {{"A", std::string(200'000, 'x'), true, false}};
  CHECK(kind_of(folder.put("long", sample_to_json_line(sample) + "\n")) == FileKind::data);
  std::string text((64u << 10) - 1, 'a');
  CHECK(kind_of(folder.put("cut.txt", text + "\xc3\xa9 and more")) == FileKind::prompt);
}

TEST_CASE("anything else is refused with the reason") {
  const Folder folder;
  const auto refused = [](const std::string& path, const char* reason) {
    const auto kind = recognise(path);
    REQUIRE_FALSE(kind.has_value());
    CHECK_MESSAGE(kind.error().message.find(reason) != std::string::npos, kind.error().message);
  };
  refused((folder / "missing").string(), "no such file");
  refused(folder.path().string(), "without config.json");
  refused(folder.put("empty", ""), "an empty file");
  refused(folder.put("picture.png", std::string("\x89PNG\r\n\x1a\n\0\0", 10)), "neither text");
  refused(folder.put("broken.txt",
                     "ab\xff"
                     "cd"),
          "neither text");
  refused(folder.put("other.json", R"({"a": 1})"), "JSON, but");
  refused(folder.put("half.json", R"({"version": 2, "tabs": [)"), "half.json");
  refused(folder.put("w.safetensors", std::string("\x0e\0\0\0\0\0\0\0{\"weight\":0}", 20)),
          "open the folder");
  CHECK(kind_of(folder.put("d.safetensors", std::string("\x0e\0\0\0\0\0\0\0{\"q\":{}, 1}", 19))) ==
        FileKind::directions);
}

TEST_CASE("recent files: newest first, each once, bounded, and found again") {
  const Folder folder;
  RecentFiles files;
  for (int i = 0; i < 20; ++i) CHECK(files.add(RecentKind::model, "/models/" + std::to_string(i)));
  CHECK(files.of(RecentKind::model).size() == RecentFiles::most);
  CHECK(files.of(RecentKind::model).front() == "/models/19");
  CHECK_FALSE(files.add(RecentKind::model, "/models/19"));
  CHECK(files.add(RecentKind::model, "/models/./15"));
  CHECK(files.of(RecentKind::model).front() == "/models/15");
  CHECK(files.of(RecentKind::model).size() == RecentFiles::most);
  CHECK(files.add(RecentKind::session, "a.json"));
  CHECK(std::filesystem::path(files.of(RecentKind::session).front()).is_absolute());
  REQUIRE(files.save(folder / "state" / "recent.json").has_value());
  const auto again = RecentFiles::load(folder / "state" / "recent.json");
  REQUIRE(again.has_value());
  for (const RecentKind kind : {RecentKind::model, RecentKind::data, RecentKind::session})
    CHECK(again->of(kind) == files.of(kind));
  CHECK(RecentFiles::load(folder / "none.json")->of(RecentKind::model).empty());
  CHECK_FALSE(
      RecentFiles::load(folder.put("bad.json", R"({"version":1,"models":[3]})")).has_value());
}
