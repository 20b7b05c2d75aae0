// ARC sets of strangers: they are judged, and a seal of ours over whatever came never makes a broken chain pass.
#include "core/mailauth/arc_seal.h"
#include "tests/core/mailauth/signed_mail.h"
#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_MESSAGES(arc) {
  const auto parsed = mail::HeaderBlock::parse(data);
  if (!parsed.ok() || data.size() > 100'000) return;
  const std::string message = parsed->joined_with(data.substr(parsed->body_offset()));
  const auto header = mail::HeaderBlock::parse(message);
  if (!header.ok()) return;
  mailauth::Answers answers;
  const mailauth::SigningKey& key = *mailauth::ed25519_key();
  mailauth::publish(&answers, mailauth::key_record_name(key.selector, key.domain),
                    mailauth::key_record_text(key.key));
  const auto chain = mailauth::verify_chain(message, answers);
  const std::string fields =
      mailauth::arc_fields(*header,
                           mailauth::body_hash(std::string_view(message).substr(header->body_offset()),
                                               mailauth::Canonicalization::kRelaxed),
                           chain, {"mx.example.org", {}}, key, from_millis(1'790'000'000'000));
  if (fields.empty()) return;
  const auto after = mailauth::verify_chain(fields + message, answers);
  ESSAIM_CHECK((after.status == mailauth::ArcStatus::kPass) ==
               (chain.status == mailauth::ArcStatus::kNone || chain.status == mailauth::ArcStatus::kPass));
}
