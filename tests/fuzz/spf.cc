// SPF records of strangers: what passes the check is taken by libspf2, which does not end the process, and asks for no
// more than the budgets allow.
#include "core/mailauth/spf.h"

#include "core/mailauth/spf_record.h"
#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_TARGET(spf) {
  const bool ipv6 = (fuzz::take_choice(&data) & 1) != 0;
  const std::string local(fuzz::take_until(&data, '\n'));
  mailauth::Answers answers;
  std::size_t asked = 0;
  for (int round = 0; round < 30; ++round) {
    mailauth::check_spf(ipv6 ? "2001:db8::1" : "192.0.2.1", "mail.example.org", {local, "example.org"},
                        answers);
    const auto missing = answers.take_missing();
    if (missing.empty()) break;
    for (const mailauth::Question& question : missing) {
      ESSAIM_CHECK(++asked <= mailauth::Answers::kMaxQuestions);
      // Every name has the record, so that includes and redirects go round.
      if (question.type == mailauth::RecordType::kText) {
        answers.add(question, {mailauth::Answer::Status::kOk, {std::string(data)}, {}});
      } else {
        answers.add(question, {mailauth::Answer::Status::kNoData, {}, {}});
      }
    }
  }
  if (const auto reduced = mailauth::reduced_spf_record(data, "192.0.2.1"); reduced.ok())
    ESSAIM_CHECK(mailauth::is_spf_record(*reduced) && reduced->size() <= mailauth::kMaxSpfRecord + 6);
}
