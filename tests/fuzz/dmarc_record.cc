// DMARC records of strangers under the names that a walk asks.
#include "core/mailauth/dmarc.h"
#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_TARGET(dmarc_record) {
  const std::string_view author = fuzz::take_until(&data, '\n');
  const std::string_view top = fuzz::take_until(&data, '\n');
  mailauth::Answers answers;
  const std::string domain = "a.b.example.org";
  for (int round = 0; round < 5; ++round) {
    const auto result =
        mailauth::evaluate_dmarc(domain, {{"b.example.org", "example.org"}, "c.example.org"}, answers);
    const auto missing = answers.take_missing();
    if (missing.empty()) {
      ESSAIM_CHECK(result.status != mailauth::DmarcStatus::kTempError);
      ESSAIM_CHECK(result.policy <= result.published);
      ESSAIM_CHECK((result.status == mailauth::DmarcStatus::kPass) <= !result.aligned_by.empty());
      return;
    }
    for (const mailauth::Question& question : missing) {
      const std::string_view text = question.name == "_dmarc." + domain ? author
                                    : question.name == "_dmarc.org"     ? top
                                                                        : data;
      answers.add(question, {mailauth::Answer::Status::kOk, {std::string(text)}, {}});
    }
  }
}
