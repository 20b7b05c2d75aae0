#include "lists/incoming.h"

#include "core/base/encoding.h"
#include "core/base/mac.h"
#include "core/base/text.h"
#include "core/mail/encoded_word.h"
#include "core/mail/message_id.h"
#include "core/smtp/idn.h"
#include "lists/automatic_reply.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kMaxSubject = 200;
constexpr std::size_t kMaxDecoded = 2000;  // of a subject: encoded, that much is several times as long

// Cut so that no character of UTF-8 is torn.
std::string cut_utf8(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

// As an envelope would name it: the domain in A-labels, for a header may have U-labels (RFC 6532 §3.2).
smtp::Address envelope_form(const mail::Mailbox& mailbox) {
  auto domain = smtp::domain_to_ascii(mailbox.domain);
  return {mailbox.local, domain.ok() ? *std::move(domain) : mailbox.domain};
}

constexpr std::size_t kDigestSize = std::tuple_size_v<Sha256Digest>;

// What a list of ours says that this is a copy of. Nobody else is believed: who has read a post could send another text under
// its name, and the post itself would count as the second one.
std::string said_original(const Submission& submission, const mail::HeaderBlock& header) {
  if (!submission.from_our_lists || header.count(kOriginal) != 1) return "";
  auto said = base64_decoded(trimmed(header.find(kOriginal)->value()));
  return said && said->size() == kDigestSize ? *std::move(said) : "";
}

// A message that a sender offers again because it lost our reply has the same Message-ID and body; its header
// may have got other Received fields on the way. Without Message-ID, From, Date and Subject stand for it;
// without a Date two messages that look the same may well be two messages (a nightly report), and then
// nothing is a duplicate.
std::string seen_key_of(const Incoming& incoming) {
  Sha256 hash;
  const auto add = [&hash](std::string_view name, std::string_view value) {
    hash.update(name);
    hash.update(value);
    hash.update(std::string_view("\0", 1));
  };
  if (!incoming.message_id.empty()) {
    add("message-id:", incoming.message_id);
  } else {
    const auto date = incoming.header.value("Date");
    if (!date) return "";
    add("date:", *date);
    add("from:", incoming.header.value("From").value_or(""));
    add("subject:", incoming.header.value("Subject").value_or(""));
  }
  hash.update(incoming.body);
  return std::string(octets(hash.finish()));
}

storage::TlsRequest tls_request(const Submission& submission, const mail::HeaderBlock& header) {
  if (submission.require_tls) return storage::TlsRequest::kRequired;
  // RFC 8689 §3: one field with the value "No"; anything else is no request.
  const bool optional = header.count("TLS-Required") == 1 &&
                        equals_ignoring_case(trimmed(header.find("TLS-Required")->value()), "no");
  return optional ? storage::TlsRequest::kOptional : storage::TlsRequest::kNone;
}

}  // namespace

Result<Incoming> parse_incoming(const Submission& submission) {
  auto header = mail::HeaderBlock::parse(submission.content);
  if (!header.ok()) return header.error();
  Incoming incoming;
  incoming.header = std::move(*header);
  incoming.body = std::string_view(submission.content).substr(incoming.header.body_offset());
  incoming.marks = mail::loop_marks(incoming.header);
  incoming.from_fields = incoming.header.count("From");
  if (incoming.from_fields == 1) {
    const auto list = mail::parse_address_list(incoming.header.find("From")->raw_value());
    incoming.from_names_others = list.may_name_others();
    for (const mail::Mailbox& mailbox : list.mailboxes) incoming.authors.push_back(envelope_form(mailbox));
    if (incoming.authors.size() == 1) {
      incoming.author = incoming.authors.front();
    } else if (incoming.authors.size() > 1 && incoming.header.count("Sender") == 1) {
      const auto sender = mail::parse_address_list(incoming.header.find("Sender")->raw_value());
      if (sender.mailboxes.size() == 1 && !sender.may_name_others())
        incoming.author = envelope_form(sender.mailboxes.front());
    }
  }
  incoming.message_id = mail::message_id_of(incoming.header).value_or("");
  if (const auto* subject = incoming.header.find("Subject"))
    incoming.subject =
        cut_utf8(mail::decode_encoded_words(cut_utf8(subject->value(), kMaxDecoded)), kMaxSubject);
  incoming.tls = tls_request(submission, incoming.header);
  incoming.seen_key = said_original(submission, incoming.header);
  incoming.is_marked_copy = !incoming.seen_key.empty();
  if (!incoming.is_marked_copy) incoming.seen_key = seen_key_of(incoming);
  return incoming;
}

bool is_bcc(const mail::HeaderField& field) {
  return field.is("Bcc") || field.is("Resent-Bcc");
}

std::optional<std::string> without_bcc(const Incoming& incoming) {
  mail::HeaderBlock header = incoming.header;
  if (header.remove_if(is_bcc) == 0) return std::nullopt;
  return header.joined_with(incoming.body);
}

bool of_verified_domain(const Submission& submission, const Incoming& incoming) {
  if (incoming.authors.size() == 1) return true;
  return incoming.author && submission.authentication &&
         equals_ignoring_case(incoming.author->domain, submission.authentication->dmarc.domain);
}

scenario::Auth known_by(const Submission& submission, const Incoming& incoming) {
  using scenario::Auth;
  const bool only_signed = submission.auth == Auth::kDkim;
  return only_signed && !of_verified_domain(submission, incoming) ? Auth::kSmtp : submission.auth;
}

bool is_automatic(const Submission& submission, const Incoming& incoming) {
  return submission.reverse_path.empty() || incoming.marks.automatic() ||
         is_automatic_reply(incoming.header, incoming.subject);
}

}  // namespace essaim::lists
