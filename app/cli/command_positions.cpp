// positions: a document of one's own prompt moved through every place.
#include <cmath>
#include <filesystem>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/figure_origin.h"
#include "app/cli/intervene.h"
#include "app/cli/made_by.h"
#include "app/cli/outlook_note.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/exhibit/prompt_tests.h"
#include "core/experiment/position_test.h"
#include "core/experiment/save_clock.h"
#include "core/figure/write.h"
#include "core/runner/companions.h"
#include "core/runner/run_outlook.h"
#include "core/session/head_set.h"
#include "core/sweep/weights_hash.h"
#include "core/text/splitting_json.h"

namespace headscope::cli {
namespace {

namespace fs = std::filesystem;

struct Options : CommonOptions, ModelChoice, PromptOptions, PromptSource {
  std::string heads, reference, folder, rows = "input", theme = "light";
  std::vector<int> documents;
  std::vector<std::size_t> positions;
  std::vector<std::string> answers;
  std::optional<int> top_k;
};

// Heads whose mass is shown: those acted on, the head set's first, the model's own, else all.
Result<std::vector<HeadId>> shown_heads(const Options& options, const OpenedModel& opened,
                                        const InterventionSet& set) {
  if (!set.empty()) return set.heads();
  const ModelConfig& config = opened.model->config();
  std::vector<HeadId> ranking;
  if (options.heads.empty()) {
    HEADSCOPE_ASSIGN(auto beside, read_companions(opened.folder, config));
    ranking = std::move(beside.ranking);
  } else {
    HEADSCOPE_ASSIGN(auto head_set, read_head_set(options.heads));
    HEADSCOPE_TRY(check_fits(head_set, options.heads, config.layers, config.heads));
    ranking = std::move(head_set.ranking);
  }
  const auto top_k = static_cast<std::size_t>(options.top_k.value_or(default_top_k(opened)));
  if (ranking.size() > top_k) ranking.resize(top_k);
  return ranking;
}

Result<Passport> passport_of(const Options& options, const OpenedModel& opened,
                             const PromptEncoder& encoder, const PositionTest& test,
                             const RunContext& context) {
  Passport passport = new_passport();
  passport.model = opened.name;
  HEADSCOPE_ASSIGN(passport.weights_sha256, weights_sha256(opened.folder, context, opened.adapter));
  passport.tokenizer_sha256 = opened.tokenizer->sha256();
  passport.data = fs::path(*options.prompt_file).filename().string();
  HEADSCOPE_ASSIGN(passport.data_sha256, sha256_file(*options.prompt_file));
  passport.n = 1;
  passport.seed = options.seed;
  passport.chat_template = encoder.template_name();
  passport.dtype = opened.model->dtype_name();
  passport.device = opened.model->device_name();
  Json heads = Json::array();
  for (const HeadId head : test.mass_heads) heads.push_back({head.layer, head.head});
  passport.options = {{"rows", options.rows},
                      {"max_new_tokens", options.max_new_tokens},
                      {"reference", test.reference},
                      {"answers", test.answers},
                      {"mass_heads", std::move(heads)}};
  // Which documents are moved among which others decides every row.
  HEADSCOPE_ASSIGN(const auto splitting, read_splitting(options.split));
  passport.options["split"] = to_json(splitting);
  if (!options.intervene.empty()) passport.options["intervene"] = described_file(options.intervene);
  return passport;
}

// What has been run so far.
Json result_of(const std::vector<PositionRow>& rows, const Passport& passport, std::size_t places,
               bool complete) {
  Json list = Json::array();
  for (const PositionRow& row : rows) list.push_back(to_json(row));
  return {{"rows", std::move(list)},
          {"places", places},
          {"complete", complete},
          {"passport", to_json(passport)}};
}

Result<> write_table(const Options& options, const std::vector<PositionRow>& rows,
                     const Json& result) {
  const fs::path to(options.folder);
  HEADSCOPE_TRY(create_folders(to));
  HEADSCOPE_TRY(write_result("positions", result, (to / "positions.json").string(), 2));
  return write_file_atomically(to / "positions.csv", positions_csv(rows));
}

Result<> draw_to(const std::vector<fs::path>& files, const Options& options, const Json& result,
                 Origin origin) {
  HEADSCOPE_ASSIGN(const auto exhibit, positions_exhibit(result, std::move(origin)));
  if (!exhibit.draw) return {};
  figure::Options look;
  look.theme = figure::theme_from_name(options.theme).value_or(figure::Theme::light);
  HEADSCOPE_ASSIGN(const auto scene, exhibit.scene(look));
  for (const fs::path& file : files) HEADSCOPE_TRY(figure::write_figure(file, scene));
  return is_picture(options.folder) ? write_made_by(options.folder) : Result<>{};
}

// The folder with all there is, or the one picture that was asked for.
Result<> write_all(const Options& options, const std::vector<PositionRow>& rows, const Json& result,
                   Origin origin) {
  if (is_picture(options.folder))
    return draw_to({options.folder}, options, result, std::move(origin));
  HEADSCOPE_TRY(write_table(options, rows, result));
  const fs::path to(options.folder);
  return draw_to({to / "positions.svg", to / "positions.png", to / "positions.pdf"}, options,
                 result, std::move(origin));
}

Result<Origin> named_origin(const Options& options, const OpenedModel& opened,
                            const PromptEncoder& encoder, const std::string& text,
                            const PositionTest& test, const RunContext& context) {
  Origin origin;
  HEADSCOPE_TRY(name_run({opened, &encoder, test.rows, test.mass_heads.size()}, options, options,
                         context, origin));
  HEADSCOPE_TRY(name_prompt(options, text, origin));
  origin.heads_file = fs::path(options.heads).filename().string();
  return origin;
}

// Rows of an interrupted run with the same passport; what cannot be read is run again.
std::vector<PositionRow> finished_before(const Options& options, const Passport& passport) {
  const fs::path file = fs::path(options.folder) / "positions.json";
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return {};
  const auto before = read_json_file(file);
  const bool ours = before && before->is_object() &&
                    before->value("complete", Json()) == Json(false) &&
                    before->value("passport", Json()) == to_json(passport) &&
                    before->value("rows", Json()).is_array();
  if (!ours) return {};
  std::vector<PositionRow> rows;
  for (const Json& entry : (*before)["rows"]) {
    if (auto row = position_row_from(entry, file.string())) rows.push_back(std::move(*row));
  }
  return rows;
}

void announce_runs(ProgressPrinter& progress, const OpenedModel& opened, const Encoding& encoding,
                   const Options& options, std::size_t documents) {
  const auto places = options.positions.empty() ? documents : options.positions.size();
  const auto moved = options.documents.empty() ? documents : options.documents.size();
  const OutlookQuestion question{.prompt_tokens = static_cast<std::int64_t>(encoding.size()),
                                 .new_tokens = options.max_new_tokens,
                                 .sets = static_cast<std::int64_t>(documents) + 1,
                                 .wanted = KeepAttention::spans};
  const RunOutlook outlook = look_ahead(*opened.model, question);
  announce(progress, outlook, outlook.spans, "span sums",
           static_cast<std::int64_t>(places * moved));
}

Result<> positions(const Options& options) {
  if (is_picture(options.folder)) HEADSCOPE_TRY(check_picture(options.folder));
  ProgressPrinter progress(options.quiet);
  const RunContext context = progress.context();
  HEADSCOPE_ASSIGN(const auto text, read_text_file(*options.prompt_file));
  HEADSCOPE_ASSIGN(const auto opened,
                   open_model(options.model, load_options(options, options), context));
  HEADSCOPE_ASSIGN(const auto encoder, prompt_encoder(options, opened));
  HEADSCOPE_ASSIGN(const auto set, read_interventions(options, opened, options.seed, progress));
  HEADSCOPE_ASSIGN(const auto encoding, encoder.encode(text));
  HEADSCOPE_ASSIGN(const auto split, split_source(text, options));
  announce_runs(progress, opened, encoding, options, split.prompt.documents.size());
  PositionTest test{
      .documents = options.documents,
      .positions = options.positions,
      .answers = options.answers,
      .reference = options.reference,
      .max_new_tokens = options.max_new_tokens,
      .rows = options.rows == "predict" ? RowConvention::predict : RowConvention::input,
      .set = set.empty() ? nullptr : &set};
  HEADSCOPE_ASSIGN(test.mass_heads, shown_heads(options, opened, set));
  HEADSCOPE_ASSIGN(const auto passport, passport_of(options, opened, encoder, test, context));
  HEADSCOPE_ASSIGN(auto origin, named_origin(options, opened, encoder, text, test, context));
  test.finished = finished_before(options, passport);
  if (!test.finished.empty()) {
    progress.note("going on after " + std::to_string(test.finished.size()) + " places");
  }
  std::vector<PositionRow> kept;
  const auto places = split.prompt.documents.size();
  SaveClock clock;
  const auto keep = [&](const PositionRow& row) -> Result<> {
    kept.push_back(row);
    if (is_picture(options.folder) || !clock.is_time()) return {};
    return write_table(options, kept, result_of(kept, passport, places, false));
  };
  const auto run = run_position_test(*opened.model, encoder, split.prompt, test, context, keep);
  if (!run && kept.empty()) return tl::unexpected(run.error());
  const Json result = result_of(kept, passport, places, run.has_value());
  HEADSCOPE_TRY(write_all(options, kept, result, std::move(origin)));
  if (!run) return tl::unexpected(run.error());
  return write_json(result, "");
}

}  // namespace

void add_positions(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("positions",
               "a document of your own prompt at every place: what changes? Run again to go "
               "on after a stop",
               [options] { return positions(*options); });
  add_loaded_model(*command, *options);
  command->add_option("--prompt-file", options->prompt_file, "prompt with its documents")
      ->required();
  command
      ->add_option("--document,--gold", options->documents,
                   "numbers of the documents that are moved, as printed (default: each in turn)")
      ->delimiter(',');
  add_split(*command, *options);
  command->add_option("--positions", options->positions, "places from 0 (default: all)")
      ->delimiter(',');
  command->add_option("--answers", options->answers,
                      "right answers, one an option: exact match of the response");
  command->add_option("--reference", options->reference,
                      "text whose log-probability as the answer is read, with its leading space");
  command->add_option("--heads", options->heads,
                      "head set whose first heads are shown (default: the model's own)");
  command->add_option("--top-k", options->top_k, "how many (default 20, embedded model 5)")
      ->check(CLI::PositiveNumber);
  command->add_option("--rows", options->rows, "rows that are read")
      ->check(CLI::IsMember({"input", "predict"}))
      ->capture_default_str();
  command->add_option("--theme", options->theme, "of the figure")
      ->check(CLI::IsMember({"light", "dark"}))
      ->capture_default_str();
  add_prompt_options(*command, *options);
  command
      ->add_option("--out,-o", options->folder,
                   "folder: positions.json, .csv and a figure as .svg, .png, .pdf; or one figure "
                   "with such an ending")
      ->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
