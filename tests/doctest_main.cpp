// The main function of every test program.
//
// Names each case as it begins, so that the output of one that ctest had to stop ends with it.
// Exit code 77 tells ctest "skipped": every case that ran reported a missing resource
// (tests/skip.h).
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <set>
#include <string>

#include "core/base/thread_priority.h"
#include "tests/skip.h"

namespace {

constexpr int kSkipped = 77;

std::set<std::string> g_skipped_cases;
std::string g_current_case;
int g_cases_run = 0;

// Counts the cases and remembers which one runs.
struct CaseListener : doctest::IReporter {
  explicit CaseListener(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData& data) override {
    g_current_case = data.m_name;
    std::printf("CASE: %s\n", data.m_name);
    std::fflush(stdout);
    ++g_cases_run;
  }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};
REGISTER_LISTENER("cases", 1, CaseListener);

}  // namespace

namespace headscope::test {

void report_skip(const std::string& reason) {
  g_skipped_cases.insert(g_current_case);
  std::printf("SKIPPED: %s: %s\n", g_current_case.c_str(), reason.c_str());
  std::fflush(stdout);
}

}  // namespace headscope::test

int main(int argc, char** argv) {
  headscope::keep_priorities();
  doctest::Context context(argc, argv);
  const int result = context.run();
  if (context.shouldExit() || result != 0) return result;
  const bool all_skipped =
      g_cases_run > 0 && static_cast<int>(g_skipped_cases.size()) == g_cases_run;
  return all_skipped ? kSkipped : 0;
}
