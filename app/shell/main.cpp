// The window's program: command line, samples of the embedded model's world, the real runner.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "app/help_format.h"
#include "app/shell/frame_bench.h"
#include "app/shell/run_window.h"
#include "app/shell/runner_module.h"
#include "app/shell/sample_source.h"
#include "core/base/version.h"

using namespace headscope;

int main(int argc, char** argv) {
  RunOptions options;
  std::string size;
  CLI::App cli(
      "Shows which attention heads of a language model read the relevant part of a prompt, and "
      "what "
      "happens when they read it more, in a window",
      "headscope");
  cli.formatter(std::make_shared<HelpFormatter>());
  cli.set_version_flag("--version", std::string("headscope ") + kVersion);
  cli.footer(
      "Without arguments the window goes on where it was left, at first with the small model "
      "inside. Menu Lessons explains it in six lessons; headscope-cli does the same without a "
      "window.");
  cli.add_option("file", options.file,
                 "anything to open: a session, a model, a prompt, questions with documents, a head "
                 "set, focus directions or a lesson; what it is shows in its content");
  cli.add_option("--model", options.model,
                 "demo (the small model inside), a Hugging Face folder or a .gguf file");
  cli.add_option("--adapter", options.adapter, "PEFT folder whose LoRA adapter is merged");
  cli.add_option("--prompt-file", options.prompt_file, "text file to open as the prompt")
      ->check(CLI::ExistingFile);
  cli.add_option("--data", options.data, "questions with documents, JSON lines (.gz allowed)")
      ->check(CLI::ExistingFile);
  cli.add_option("--compare-heads", options.compare_heads,
                 "head set to compare the one in use with")
      ->check(CLI::ExistingFile);
  cli.add_option("--session", options.session, "session file to continue")
      ->check(CLI::ExistingFile);
  cli.add_option("--lesson", options.lesson,
                 "lesson to open: its name (menu Lessons), or a Markdown file");
  cli.add_option("--theme", options.theme, "colours of the window (default: those used last)")
      ->check(CLI::IsMember({"dark", "light", "contrast"}));
  cli.add_option("--scale", options.scale, "pixels per unit, e.g. 2 for a dense display")
      ->check(CLI::Range(0.5f, 4.0f));
  cli.add_option("--size", size, "WIDTHxHEIGHT of the window in units at scale 1");
  cli.add_option("--screenshot", options.screenshot,
                 "write a picture of the window as PNG once it is complete, then exit");
  cli.add_option("--device", options.device,
                 "where to compute: processor, NVIDIA GPU, or the GPU where there is one")
      ->check(CLI::IsMember({"cpu", "cuda", "auto"}));
  cli.add_option("--dtype", options.dtype,
                 "type of the weights; int8: matrices in a quarter of float32's memory")
      ->check(CLI::IsMember({"auto", "float32", "bfloat16", "float16", "int8"}));
  cli.add_option("--threads", options.threads, "processor threads of the model, 0: all")
      ->check(CLI::Range(0, 1024));
  FrameBenchOptions frames;
  bool measure = false;  // this and what follows is asked for by `headscope-cli bench --suite ui`
  cli.add_flag("--measure-frames", measure, "print what frames cost, as JSON, without a display")
      ->group("");
  cli.add_option("--tokens", frames.tokens)->check(CLI::Range(256, 1 << 20))->group("");
  cli.add_option("--frames", frames.frames)->check(CLI::Range(2, 100'000))->group("");
  cli.add_option("--measure-idle", options.measure_idle,
                 "print the processor time of so many seconds at rest, as JSON")
      ->check(CLI::Range(0.1, 3600.0))
      ->group("");
  cli.add_flag("--measure-start", options.measure_start,
               "print the moments of the start, as JSON, and exit")
      ->group("");
  cli.add_flag("--builtin-font", options.builtin_font, "do not use the system's fonts");
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = cli.exit(error);
    return code == 0 ? 0 : exit_code(ErrorKind::usage);
  }
  if (!size.empty() && (std::sscanf(size.c_str(), "%dx%d", &options.width, &options.height) != 2 ||
                        options.width < 320 || options.height < 240 || options.width > 16384 ||
                        options.height > 16384)) {
    std::fprintf(stderr, "headscope: --size: expected WIDTHxHEIGHT, e.g. 1280x800, found \"%s\"\n",
                 size.c_str());
    return exit_code(ErrorKind::usage);
  }
  if (measure) {
    const Result<Json> report = measure_frames(frames);
    if (!report) {
      std::fprintf(stderr, "headscope: %s\n", report.error().message.c_str());
      return exit_code(report.error().kind);
    }
    std::puts(report->dump().c_str());
    return 0;
  }
  return run_window(options, {torch_runner_factory(), demo_sample_source()});
}
