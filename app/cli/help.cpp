#include "app/cli/help.h"

#include <array>
#include <string>

namespace headscope::cli {
namespace {

struct CommandHelp {
  const char *name, *group, *example;  ///< example: what follows "headscope-cli"
};

constexpr const char* kFirst = "First steps";
constexpr const char* kPrompt = "One prompt";
constexpr const char* kData = "Many prompts";
constexpr const char* kResults = "Files of results";
constexpr const char* kOther = "Data to try with, measurements";

constexpr std::array kCommands = {
    CommandHelp{"selftest", kFirst, "selftest"},
    CommandHelp{"version", kFirst, "version"},
    CommandHelp{"info", kFirst, "info --model path/to/checkpoint --tokens 16000"},
    CommandHelp{"generate", kFirst, "generate --prompt-file prompt.txt"},
    CommandHelp{"tokenize", kPrompt, "tokenize --text 'The quick brown fox'"},
    CommandHelp{"attention", kPrompt,
                "attention --prompt-file prompt.txt --rows=-5: --out attention.safetensors"},
    CommandHelp{"lens", kPrompt, "lens --prompt-file prompt.txt --follow ' Paris'"},
    CommandHelp{"causal", kPrompt, "causal --prompt-file prompt.txt --out causal.json"},
    CommandHelp{"positions", kPrompt,
                "positions --prompt-file prompt.txt --document 3 --answers Paris --out positions"},
    CommandHelp{"tune", kPrompt,
                "tune --prompt-file prompt.txt --answer ' Paris' --alpha 0.1,0.3 --top-ks 1,5,20"},
    CommandHelp{"auto-alpha", kPrompt, "auto-alpha --prompt-file prompt.txt"},
    CommandHelp{"report", kPrompt,
                "report --prompt-file prompt.txt --gold 3 --answers Paris --out report.html"},
    CommandHelp{"score", kData, "score --model M --data D.jsonl.gz --samples 50 --out heads.json"},
    CommandHelp{"evaluate", kData,
                "evaluate --model M --data D.jsonl.gz --intervene focus.json --out run.jsonl"},
    CommandHelp{"sweep", kData,
                "sweep --model M --data D.jsonl.gz --heads heads.json --tau 0.1,0.4 --top-k 1,5,20 "
                "--baselines --out sweep"},
    CommandHelp{"control", kData,
                "control --model M --data D.jsonl.gz --heads heads.json --tau 0.1 --out c.json"},
    CommandHelp{"train-directions", kData,
                "train-directions --model M --data D.jsonl.gz --out directions.safetensors"},
    CommandHelp{"reproduce", kData, "reproduce --model M --data D.jsonl.gz --out study"},
    CommandHelp{"compare", kResults, "compare heads.json other-heads.json"},
    CommandHelp{"render", kResults, "render --figure head-map --heads heads.json --out heads.pdf"},
    CommandHelp{"figures", kResults, "figures --from sweep --out figures"},
    CommandHelp{"repeat", kResults, "repeat heads.json --model M --data D.jsonl.gz"},
    CommandHelp{"convert-directions", kResults,
                "convert-directions FOLDER_OF_PTH --out directions.safetensors"},
    CommandHelp{"demo-data", kOther, "demo-data --documents 20 --samples 100 --out D.jsonl.gz"},
    CommandHelp{"suite-data", kOther, "suite-data --suite needles --length 1024 --out S.jsonl"},
    CommandHelp{"train-demo", kOther, "train-demo --out demo"},
    CommandHelp{"bench", kOther, "bench --suite engine --quick --no-peers"}};

constexpr const char* kExitCodes =
    "Results are JSON on stdout. Exit codes: 0 done, 2 wrong usage, 3 bad input, 4 does not fit "
    "in memory, 130 interrupted.";

constexpr const char* kWords =
    "Words:\n"
    "  gold document     the relevant one, which holds the answer\n"
    "  head set          file that ranks the model's attention heads (made by score)\n"
    "  focus directions  file with a vector for each head that turns it to what is relevant\n"
    "                    (made by train-directions)\n"
    "  --intervene       file that says which heads are changed, how, and how strongly\n"
    "  demo              the small model inside the program; used where no --model is named\n"
    "\n"
    "headscope-cli COMMAND --help explains a command and shows an example. Try first:\n"
    "  headscope-cli selftest\n"
    "  headscope-cli demo-data --documents 20 --samples 1 --out sample.jsonl\n"
    "  headscope-cli render --figure documents --data sample.jsonl --out documents.svg\n"
    "\n";

}  // namespace

void describe_commands(CLI::App& app) {
  app.footer(std::string(kWords) + kExitCodes);
  for (const CommandHelp& help : kCommands) {
    CLI::App* command = app.get_subcommand(help.name);
    command->group(help.group);
    command->footer(std::string("Example:\n  headscope-cli ") + help.example + "\n\n" + kExitCodes);
  }
}

}  // namespace headscope::cli
