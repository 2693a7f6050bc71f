#include "core/study/report.h"

#include <algorithm>
#include <cmath>

#include "core/study/html.h"
#include "core/study/numbers.h"
#include "core/study/report_parts.h"
#include "core/study/report_style.h"

namespace headscope::study {
namespace {

const char* class_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::confirmed:
      return "yes";
    case Verdict::not_confirmed:
      return "no";
    case Verdict::not_testable:
      break;
  }
  return "open";
}

const char* sign_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::confirmed:
      return "✓ ";
    case Verdict::not_confirmed:
      return "✗ ";
    case Verdict::not_testable:
      break;
  }
  return "– ";
}

std::int64_t count_of(const JudgedClaims& claims, Verdict verdict) {
  return std::count_if(claims.judgements.begin(), claims.judgements.end(),
                       [verdict](const Judgement& j) { return j.verdict == verdict; });
}

// "difference +0.407 [+0.320, +0.487], n = 150, p < 0.001".
std::string test_text(const Judgement& judgement) {
  if (!judgement.effect) return judgement.reason;
  if (!judgement.low || !judgement.high) {
    return judgement.reason + "; n = " + std::to_string(judgement.n);
  }
  // Small differences of masses keep two digits.
  const int decimals = std::abs(*judgement.effect) < 0.01 ? 5 : 3;
  std::string text = "difference " + signed_number(*judgement.effect, decimals) + " [" +
                     signed_number(*judgement.low, decimals) + ", " +
                     signed_number(*judgement.high, decimals) +
                     "], n = " + std::to_string(judgement.n);
  if (!judgement.p) return text;
  return text + ", p " + (*judgement.p < 0.001 ? "" : "= ") + p_number(*judgement.p) +
         ", corrected " + (*judgement.adjusted_p < 0.001 ? "" : "= ") +
         p_number(*judgement.adjusted_p);
}

class Report {
 public:
  Report(const Results& results, const JudgedClaims& claims, const std::vector<Drawing>& drawings)
      : results_(results),
        study_(results.study),
        claims_(claims),
        drawings_(drawings),
        html_("Reproduction report: focus directions on " + results.study.passport.model,
              report_style),
        body_(html_.body) {}

  Result<std::string> write() {
    opening();
    claims_table();
    how_to_read();
    ExperimentSections sections(body_, results_, drawings_);
    HEADSCOPE_TRY(sections.write());
    deviations();
    skipped();
    provenance();
    return html_.written();
  }

 private:
  void opening() {
    const std::string& name = study_.passport.model;
    body_.add("h1", "Do contextual heads and focus directions work in " +
                        (name == "demo" ? "the embedded model" : name) + "?");
    body_.add("p",
              "A reproduction of “Focus Directions Make Your Language Models Pay More Attention to "
              "Relevant Contexts” (arXiv 2503.23306) by headscope-cli reproduce. Of " +
                  std::to_string(claims_.rules.size()) + " claims, " +
                  std::to_string(count_of(claims_, Verdict::confirmed)) + " are confirmed, " +
                  std::to_string(count_of(claims_, Verdict::not_confirmed)) + " are not, and " +
                  std::to_string(count_of(claims_, Verdict::not_testable)) +
                  " cannot be tested here.",
              "lead");
    const ModelFacts& model = study_.model;
    body_.add("p", "Model: " + study_.passport.model + ", " + model.type + ", " +
                       std::to_string(model.layers) + " layers of " + std::to_string(model.heads) +
                       " heads, " + std::to_string(model.parameters) +
                       " parameters. Data: " + study_.passport.data + ", " +
                       std::to_string(results_.heads.samples) + " samples scored, " +
                       std::to_string(study_.passport.n) + " other ones evaluated.");
    if (model.embedded) {
      body_.add("p",
                "This is the small model embedded in Headscope, trained on a made-up world, and "
                "built so that distraction is a failure which attention can repair. What holds "
                "here need not hold for large language models, and the other way round.");
    }
  }

  void claims_table() {
    body_.add("h2", "Claims");
    Html table = body_.add("div", "", "scroll").add("table", "", "claims");
    table.row({"", "Claim", "Rule, written down before the run", "Measured", "Verdict"}, "th");
    for (std::size_t i = 0; i < claims_.rules.size(); ++i) {
      const Rule& rule = claims_.rules[i];
      const Judgement& judgement = claims_.judgements[i];
      Html row = table.add("tr").attribute("id", rule.id);
      row.add("td", rule.id);
      Html claim = row.add("td", rule.claim);
      claim.add("div", rule.source, "soft");
      row.add("td", rule.text, "rule");
      Html measured = row.add("td", claims_.evidence[i].measured);
      measured.add("div", test_text(judgement), "soft");
      row.add("td", sign_of(judgement.verdict) + verdict_name(judgement.verdict),
              class_of(judgement.verdict));
    }
  }

  void how_to_read() {
    body_.add("h2", "How the verdicts come about");
    Html list = body_.add("ul");
    for (const char* text :
         {"Every rule above was written to study.json before the model ran, together with data, "
          "seeds and grid; the program refuses to go on in a folder whose rules differ. A verdict "
          "is computed from the rule and the numbers by a function that knows nothing else.",
          "“Confirmed” means the rule holds. “Not confirmed” means it does not: with this n that "
          "can be a small effect as well as none. “Not testable here” means that a condition of "
          "the rule is not met.",
          "p values of all tested claims form one family; Holm's method corrects them, 0.05 over "
          "all. Claims decided by an interval or a number are not part of it. Intervals are 95 % "
          "bootstrap intervals over samples (10,000 draws), of exact match alone Wilson's.",
          "Where the paper gives a number, thresholds follow it; the others (0.05 in exact match, "
          "a cosine of 0.8, half of the heads) are conventions. The rules were written by people "
          "who knew earlier measurements of the embedded model on other samples "
          "(assets/README.md), so for this model they are not blind.",
          "EM is best_subspan_em: 1 where a normalised answer occurs in the normalised response."})
      list.add("li", text);
  }

  void deviations() {
    body_.add("h2", "Deviations from the paper");
    Html list = body_.add("ul");
    if (study_.model.embedded) {
      list.add("li",
               "A model of a million parameters with its own world instead of language models of "
               "billions and Natural Questions.");
    }
    for (const std::string& note : study_.notes) list.add("li", note);
    for (const char* text :
         {"Questions are divided by hash: one part for scores and directions, the other for "
          "everything that is evaluated.",
          "Directions are trained with the gold document at even positions only, so that odd ones "
          "are new to them; the grids are run with the gold document where the data have it.",
          "The key half is not trained where softmax makes its gradient zero; random key "
          "directions stand in for it in C20.",
          "Random heads are drawn outside the contextual ones.",
          "The number of heads is clipped to those that the model has.",
          "Long contexts are Headscope's own suites in HELMET's shape, made from the seed, instead "
          "of HELMET's data."})
      list.add("li", text);
    if (study_.settings.every_control) return;
    list.add("li",
             "Random directions and random heads under focus directions are run at the default k "
             "and the default α, not in the whole grid (--every-control).");
  }

  void skipped() {
    body_.add("h2", "Samples left out");
    std::map<std::string, std::map<std::string, std::int64_t>> reasons;
    for (const auto& [reason, n] : results_.heads.skipped) reasons["scores"][reason] += n;
    for (const auto& [reason, n] : results_.directions.skipped) reasons["directions"][reason] += n;
    for (const auto& [step, cells] :
         {std::pair("sweep", &results_.main), std::pair("positions", &results_.positions)}) {
      for (const SweepResult& result : cells->results()) {
        const Json left_out = result.summary.value("skipped", Json::object());
        for (const auto& [reason, n] : left_out.items()) {
          if (n.is_number_integer()) reasons[step][reason] += n.get<std::int64_t>();
        }
      }
    }
    Html table = body_.add("table");
    table.row({"step", "reason", "samples"}, "th");
    bool any = false;
    for (const auto& [step, counts] : reasons) {
      for (const auto& [reason, n] : counts) {
        if (n == 0) continue;
        table.row({step, reason, std::to_string(n)});
        any = true;
      }
    }
    if (!any) table.row({"every step", "none was left out", "0"});
  }

  void provenance() {
    body_.add("h2", "Provenance");
    body_.add("p",
              "Seed, settings and hashes decide every number here; on the same kind of processor "
              "a repetition gives this report byte for byte, elsewhere rounding may differ. What "
              "the steps took is in timing.json, which belongs to no result.");
    Html table = body_.add("table", "", "facts");
    const Passport& passport = study_.passport;
    table.row({"Headscope", passport.version});
    table.row({"model", passport.model});
    table.row({"SHA-256 of the weights", passport.weights_sha256});
    table.row({"SHA-256 of the tokenizer", passport.tokenizer_sha256});
    table.row({"data", passport.data});
    table.row({"SHA-256 of the data", passport.data_sha256});
    table.row({"chat template", passport.chat_template});
    table.row({"precision, device", passport.dtype + ", " + passport.device});
    const Json settings = to_json(study_.settings);
    for (const auto& [name, value] : settings.items()) {
      table.row({name, value.is_string() ? value.get<std::string>() : dump_json(value)});
    }
    table.row({"study", fingerprint(study_)});
  }

  const Results& results_;
  const Study& study_;
  const JudgedClaims& claims_;
  const std::vector<Drawing>& drawings_;
  HtmlDocument html_;
  Html body_;
};

}  // namespace

JudgedClaims judge_study(const Results& results) {
  JudgedClaims judged;
  judged.rules = claims(results.study.settings);
  judged.evidence = collect_evidence(judged.rules, results);
  judged.judgements = judge(judged.rules, judged.evidence, {.seed = results.study.settings.seed});
  return judged;
}

Json to_json(const JudgedClaims& claims) {
  Json list = Json::array();
  for (std::size_t i = 0; i < claims.rules.size(); ++i) {
    Json entry = to_json(claims.rules[i]);
    entry["measured"] = claims.evidence[i].measured;
    entry["judgement"] = to_json(claims.judgements[i]);
    list.push_back(std::move(entry));
  }
  return {{"headscope", "verdicts"},
          {"claims", std::move(list)},
          {"confirmed", count_of(claims, Verdict::confirmed)},
          {"not_confirmed", count_of(claims, Verdict::not_confirmed)},
          {"not_testable", count_of(claims, Verdict::not_testable)}};
}

Result<std::string> report_html(const Results& results, const JudgedClaims& claims,
                                const std::vector<Drawing>& drawings) {
  return Report(results, claims, drawings).write();
}

}  // namespace headscope::study
