// Signed messages of strangers: every signature gets a result, and what we sign over whatever came verifies.
#include "tests/core/mailauth/signed_mail.h"
#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_MESSAGES(dkim) {
  const auto header = mail::HeaderBlock::parse(data);
  if (!header.ok() || data.size() > 100'000) return;
  const std::string message = header->joined_with(data.substr(header->body_offset()));
  mailauth::Answers answers;
  for (const auto& result : mailauth::verify(message, answers))
    ESSAIM_CHECK(result.status != mailauth::DkimStatus::kPass);
  const auto results =
      mailauth::verify(mailauth::signed_message(message, {mailauth::ed25519_key()}, &answers), answers);
  ESSAIM_CHECK(!results.empty() && results.front().status == mailauth::DkimStatus::kPass);
}
