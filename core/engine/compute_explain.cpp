// Single response tokens and rows looked at closely: the logit lens and the parts of scores.
#include "core/engine/compute.h"
#include "core/engine/explain.h"

namespace headscope {
namespace {

/// Of the baseline and the intervened run, and as many that the user may come back to.
constexpr std::size_t kept = 16;

/// The answer that is held of `question`, or else what `ask` finds, held from then on.
template <class Held, class Answer, class Same, class Ask>
Result<Answer> held_or_asked(std::deque<Held>& all, Held question, Answer Held::*answer,
                             const Same& same, const Ask& ask) {
  for (const Held& held : all)
    if (same(held)) return held.*answer;
  HEADSCOPE_ASSIGN(question.*answer, ask());
  all.push_back(question);
  if (all.size() > kept) all.pop_front();
  return question.*answer;
}

}  // namespace

Result<std::shared_ptr<const LensRun>> Compute::lens_of(const HeldRun& run, std::int64_t token,
                                                        const std::vector<std::int32_t>& followed,
                                                        const Work& work) {
  if (token >= std::ssize(run.run->response)) return nullptr;
  return held_or_asked(
      lenses_, {run.key, token, followed, nullptr}, &HeldLens::lens,
      [&](const HeldLens& held) {
        return held.run == run.key && held.token == token && held.followed == followed;
      },
      [&] {
        return runner_->lens(*prompt_, *run.run, token, followed,
                             context(Step::lens, work, "logit lens"));
      });
}

Result<> Compute::ensure_lens(const Work& work) {
  const LensQuestion& question = work.request->questions.lens;
  std::shared_ptr<LogitLens> lens;
  if (question.wanted && question.token >= 0) {
    lens = std::make_shared<LogitLens>();
    lens->token = question.token;
    lens->before = baseline_->run;
    lens->after = intervened_->run;
    lens->followed = followed_tokens(*prompt_, *lens->before, *lens->after, lens->token);
    std::vector<std::int32_t> ids;
    for (const FollowedToken& token : lens->followed) ids.push_back(token.id);
    HEADSCOPE_ASSIGN(lens->baseline, lens_of(*baseline_, lens->token, ids, work));
    HEADSCOPE_ASSIGN(lens->intervened, lens_of(*intervened_, lens->token, ids, work));
  }
  if (!lens && !board_.snapshot()->lens) return {};
  board_.publish([&](Snapshot& snapshot) { snapshot.lens = lens; });
  return {};
}

Result<std::shared_ptr<const RowScores>> Compute::scores_of(const HeldRun& run, HeadId head,
                                                            std::int64_t row, const Work& work) {
  if (row >= run.run->keys) return nullptr;
  return held_or_asked(
      scores_, {run.key, head, row, nullptr}, &HeldScores::scores,
      [&](const HeldScores& held) {
        return held.run == run.key && held.head == head && held.row == row;
      },
      [&] {
        return runner_->row_scores(*prompt_, *run.run, head, row,
                                   context(Step::scores, work, "scores of a row"));
      });
}

Result<> Compute::ensure_scores(const Work& work) {
  const ScoreQuestion& question = work.request->questions.scores;
  const HeadId head = work.request->selected;
  const bool known_head =
      head.layer >= 0 && head.layer < model_->layers && head.head >= 0 && head.head < model_->heads;
  std::shared_ptr<ScoreSplit> split;
  if (question.wanted && question.row >= 0 && known_head) {
    split = std::make_shared<ScoreSplit>();
    split->head = head;
    split->row = question.row;
    split->before = baseline_->run;
    split->after = intervened_->run;
    HEADSCOPE_ASSIGN(split->baseline, scores_of(*baseline_, head, split->row, work));
    HEADSCOPE_ASSIGN(split->intervened, scores_of(*intervened_, head, split->row, work));
  }
  if (!split && !board_.snapshot()->scores) return {};
  board_.publish([&](Snapshot& snapshot) { snapshot.scores = split; });
  return {};
}

}  // namespace headscope
