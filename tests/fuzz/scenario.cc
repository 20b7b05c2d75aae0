// Scenarios and filters: whatever is read can be asked, and gives one of the actions; the text of a rule reads the same.
#include "lists/scenario/compile.h"
#include "lists/scenario/filter.h"
#include "lists/scenario/parse.h"
#include "lists/scenario/source_filter.h"
#include "tests/fuzz/target.h"
#include "tests/lists/scenario/lookups.h"

using namespace essaim;
using namespace essaim::lists::scenario;

ESSAIM_FUZZ_TARGET(scenario) {
  if (data.size() > 4'000) return;
  const std::string text(data);
  if (const auto parsed = parse(text, "send.x"); parsed.ok()) {
    for (const auto& line : parsed->lines) {
      const auto* rule = std::get_if<Rule>(&line);
      if (rule == nullptr) continue;
      const auto again = parse(rule->text, "send.x");
      ESSAIM_CHECK(again.ok() && again->lines.size() == 1);
      ESSAIM_CHECK(std::get<Rule>(again->lines.front()).action.to_string() == rule->action.to_string());
    }
  }
  const auto find = [&](const std::string& file) -> Result<std::optional<std::string>> {
    if (file == "send.x" || file == "include.x") return std::optional<std::string>(text);
    return std::optional<std::string>();
  };
  const auto compiled = compile("send", "x", find, true);
  if (compiled.ok() && (*compiled)->rules.size() < 50) {
    const std::string message = "From: a@b.example\r\nSubject: x\r\n\r\n" + text;
    const auto header = mail::HeaderBlock::parse(message);
    ESSAIM_CHECK(header.ok());
    test::TestLookups lookups;
    lookups.filters["blocklist.txt"] = {"x@y.example"};
    Question question;
    question.sender = "a@b.example";
    question.listname = "dev";
    question.domain = "lists.example";
    question.header = &*header;
    question.body = std::string_view(message).substr(header->body_offset());
    question.remote_address = "192.0.2.1";
    for (const Auth auth : {Auth::kSmtp, Auth::kDkim, Auth::kMd5, Auth::kSmtpAuth}) {
      question.auth = auth;
      Trace trace;
      const auto decision = decide(**compiled, question, lookups, &trace);
      ESSAIM_CHECK(decision.ok() && trace.steps.size() <= (*compiled)->rules.size());
    }
  }
  if (const auto filter = TextFilter::parse(text, "x.txt"); filter.ok()) filter->contains("a@b.example");
  for (const char* name : {"x.sql", "x.ldap"}) {
    const auto source = SourceFilter::parse(text, name);
    if (!source.ok()) {
      ESSAIM_CHECK(source.error().message.starts_with(name));
      continue;
    }
    ESSAIM_CHECK(source->question.texts.size() == source->question.variables.size() + 1);
    ESSAIM_CHECK(source->name == name && source->timeout > Duration::zero());
  }
}
