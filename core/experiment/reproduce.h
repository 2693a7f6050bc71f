// The whole study of the paper on one model, step by step (core/study says what and why).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/run_context.h"
#include "core/model/model.h"
#include "core/study/data.h"
#include "core/study/folder.h"
#include "core/study/report.h"
#include "core/text/chat_prompt.h"

namespace headscope {
/// What the steps of a study work on; all of it outlives them.
struct ReproduceInputs {
  Model& model;
  const PromptEncoder& encoder;
  const study::Study& study;
  const study::StudyData& data;
};

/// Runs what is missing in `folder`, whose study.json is written first (another study is refused),
/// and writes verdicts, figures and the report. Every step leaves its file whole and is not run
/// again when that is there; the sweeps keep each cell. `note` hears of each step as it begins.
/// Errors: bad input, out of memory, cancelled (what was finished is kept).
Result<study::JudgedClaims> reproduce(const ReproduceInputs& inputs, const study::Folder& folder,
                                      const std::function<void(const std::string&)>& note,
                                      const RunContext& context);

/// What the rules want to know of a model.
study::ModelFacts model_facts(const Model& model, bool embedded);

/// Directions for `study` (two seeds, gold documents at even positions) and their check on held-out
/// samples with gold documents at odd ones: directions.safetensors and, at the end,
/// directions.json. Keys and queries lie in Folder::direction_work, from which an interrupted
/// training goes on.
Result<> train_study_directions(const ReproduceInputs& inputs, const study::Folder& folder,
                                const std::vector<HeadId>& ranking, const RunContext& context);

/// Long-context suites without and with focus directions on the first heads (claim C24):
/// suite.json, and every answer in suites.jsonl, which is kept every 30 s and from which an
/// interrupted run goes on. A task that the model cannot do is left out with the reason.
/// `passport`: of a result of these heads and directions.
Result<> run_study_suites(const ReproduceInputs& inputs, const study::Folder& folder,
                          const std::vector<HeadId>& ranking,
                          std::shared_ptr<const Directions> directions, Passport passport,
                          const RunContext& context);

/// What key directions do to the logits (claim C20): key.json.
Result<> check_key_half(const ReproduceInputs& inputs, const study::Folder& folder,
                        const RunContext& context);

}  // namespace headscope
