// essaim-decisions [PART OF A NAME]: what a decision of each shipped scenario costs, once compiled: microseconds of the
// thread's processor time, for a stranger, whom as a rule the last rule decides about; with what is looked up at hand.
#include <cstdio>
#include <ctime>
#include <string>

#include "core/mail/header_block.h"
#include "lists/scenario/compile.h"
#include "lists/scenario/shipped.h"
#include "tests/lists/scenario/lookups.h"

using namespace essaim;
using namespace essaim::lists;

namespace {

constexpr int kDecisions = 20'000;

double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

const scenario::FindText find_shipped = [](const std::string& file) -> Result<std::optional<std::string>> {
  const auto dot = file.find('.');
  const auto text = scenario::shipped_text(file.substr(0, dot), file.substr(dot + 1));
  return text ? std::optional<std::string>(*text) : std::optional<std::string>();
};

}  // namespace

int main(int argc, char** argv) {
  const std::string message = "From: new@x.example\r\nTo: dev@lists.example\r\nSubject: x\r\n\r\ntext\r\n";
  const auto header = mail::HeaderBlock::parse(message);
  test::TestLookups lookups;
  lookups.filters["blocklist.txt"] = {"x@y.example"};
  scenario::Question question;
  question.sender = question.email = "new@x.example";
  question.listname = "dev";
  question.domain = "lists.example";
  question.header = &*header;
  question.body = std::string_view(message).substr(header->body_offset());
  for (const scenario::Shipped& one : scenario::shipped()) {
    const std::string file = std::string(one.function) + "." + std::string(one.name);
    if (argc > 1 && file.find(argv[1]) == file.npos) continue;
    const auto compiled =
        scenario::compile(std::string(one.function), std::string(one.name), find_shipped, true);
    if (!compiled.ok()) return 1;
    std::string action;
    const double began = processor_seconds();
    for (int i = 0; i < kDecisions; ++i) {
      const auto decision = scenario::decide(**compiled, question, lookups);
      if (!decision.ok()) return 1;
      if (i == 0) action = decision->action.to_string();
    }
    std::printf("%-45s %8.2f us  %s\n", file.c_str(), (processor_seconds() - began) / kDecisions * 1e6,
                action.c_str());
  }
  return 0;
}
