#include "lists/held/view.h"

#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/header_block.h"
#include "core/mail/readable.h"
#include "lists/held/keys.h"
#include "storage/directory_store.h"

namespace essaim::lists {
namespace {

using storage::HeldKind;
using storage::HeldRecord;

constexpr std::int64_t kPiecesShown = 4;  // of a message that is read for a look: 1 MB
constexpr std::size_t kMostShown = std::size_t{1} << 20;
constexpr std::size_t kMostWords = 3'000;  // octets that are shown of it
// The same of those that wait beside it.
constexpr std::int64_t kLargestBeside = std::int64_t{64} << 10;
constexpr std::size_t kFewWords = 300;

std::optional<smtp::Address> mailbox(const std::string& text) {
  auto parsed = smtp::parse_mailbox(text, smtp::LocalPart::kUtf8);
  if (!parsed.ok()) return std::nullopt;
  return *std::move(parsed);
}

std::string beginning(const std::string& message, std::size_t most) {
  const auto header = mail::HeaderBlock::parse(message);
  if (!header.ok()) return "";
  std::string body = message.substr(header->body_offset());
  // Of a large one this is the beginning: its last line may end anywhere, and the multipart has no end. Where it has one, nothing
  // behind that is read.
  if (message.size() >= kMostShown) body.resize(body.rfind('\n') + 1);
  const mail::ContentType type = mail::content_type_of(*header);
  if (type.type == "multipart") body += "\r\n--" + type.parameter("boundary") + "--\r\n";
  std::string text = mail::main_text(*header, body);
  if (!is_valid_utf8(text)) return "";
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20) out.push_back(c);
  }
  if (out.size() <= most) return out;
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0U) == 0x80U) --end;
  return out.substr(0, end) + "\n[...]";
}

// How the message begins; "" of one that is decided meanwhile.
Result<std::string> words_of(WriteContext& context, const HeldRecord& held, std::int64_t pieces,
                             std::size_t most) {
  if (!held.is_post()) return std::string();
  auto message = storage::HeldStore(context.connection).message(held.id, pieces);
  if (message.ok()) return beginning(*message, most);
  if (message.error().code == ErrorCode::kNotFound) return std::string();
  return message.error();
}

Result<std::vector<WaitingToo>> others_beside(WriteContext& context, const HeldRecord& one,
                                              const storage::ListRecord& list, std::string_view language) {
  std::vector<WaitingToo> out;
  if (!is_decided_with(one, one)) return out;
  storage::HeldFilter filter;
  filter.list_id = one.list_id;
  filter.kind = one.kind;
  filter.limit = kMostOthers + 1;  // itself may be among them
  auto waiting = storage::HeldStore(context.connection).search(filter);
  if (!waiting.ok()) return waiting.error();
  for (HeldRecord& held : *waiting) {
    if (held.id == one.id || held.expires <= context.now || out.size() == kMostOthers) continue;
    WaitingToo too;
    if (held.size <= kLargestBeside) {
      auto words = words_of(context, held, 1, kFewWords);
      if (!words.ok()) return words.error();
      too.words = *std::move(words);
    }
    if (!held.is_post()) {
      const auto request = request_of(held.details, list);
      if (!request.ok()) return request.error();
      too.what = described(*request, language);
    }
    too.held = std::move(held);
    out.push_back(std::move(too));
  }
  return out;
}

// A list among them is itself: who its members are is nobody's business who got a question.
Result<std::vector<smtp::Address>> asked(WriteContext& context, const HeldRecord& held, Id domain_id) {
  std::vector<smtp::Address> out;
  if (const std::string one = held.confirmer(); !one.empty()) {
    if (auto address = mailbox(one)) out.push_back(*std::move(address));
    return out;
  }
  auto people = held.kind == HeldKind::kListmaster
                    ? listmasters(context, domain_id, Named::kAsTheyStand)
                    : people_behind(context, held.list_id,
                                    held.is_post() ? storage::Role::kEditor : storage::Role::kOwner,
                                    Named::kAsTheyStand);
  if (!people.ok()) return people.error();
  for (storage::BatchRecipient& one : *people) out.push_back({std::move(one.local), std::move(one.domain)});
  return out;
}

std::string title_of(const HeldRecord& held, const std::string& what, std::string_view language) {
  const Values values = {{"list", held.list_address}, {"what", what}};
  switch (held.kind) {
    case HeldKind::kModeration:
      return phrase(language, "A message to {{list}} waits for a moderator", values);
    case HeldKind::kConfirmation:
      return phrase(language, "Please confirm your message to {{list}}", values);
    case HeldKind::kInvitation:
      return phrase(language, "Invitation to {{list}}", values);
    case HeldKind::kRequest:
      return phrase(language, "Please confirm: {{what}}", values);
    case HeldKind::kApproval:
    case HeldKind::kListmaster:
      break;
  }
  return phrase(language, "To approve: {{what}}", values);
}

}  // namespace

bool is_decided_with(const HeldRecord& other, const HeldRecord& one) {
  return (one.kind == HeldKind::kModeration || one.kind == HeldKind::kApproval) && other.kind == one.kind &&
         one.list_id != 0 && other.list_id == one.list_id &&
         (one.state == storage::HeldState::kWaiting || other.held <= one.decided);
}

bool still_decides_others(const HeldRecord& one, WallTime now) {
  return is_decided_with(one, one) && one.expires > now &&
         (one.state == storage::HeldState::kWaiting || now - one.decided <= std::chrono::hours(1));
}

Result<std::string> beginning_of(WriteContext& context, const HeldRecord& held) {
  return words_of(context, held, kPiecesShown, kMostWords);
}

Result<std::string> beginning_of(std::string_view message) {
  return beginning(std::string(message.substr(0, kMostShown)), kMostWords);
}

Result<std::optional<HeldView>> view_held(WriteContext& context, const std::string& key,
                                          std::string_view language, bool with_words) {
  using Found = std::optional<HeldView>;
  if (!is_key(key)) return Found();
  auto held = storage::HeldStore(context.connection).find_by_key(key);
  if (!held.ok()) return held.error();
  if (!held->has_value()) return Found();
  HeldView out;
  out.held = std::move(**held);
  out.confirms = !out.held.confirmer().empty();
  out.over = what_became_of(out.held, context.now, language);
  auto list = list_of(context.connection, out.held);
  if (!list.ok()) return list.error();
  // The list, or the domain, is gone. What waited was declined with it, and that is all there is to say.
  if (list->domain.empty()) return out.over.empty() ? Found() : Found(std::move(out));
  if (!out.held.is_post()) {
    const auto request = request_of(out.held.details, *list);
    if (!request.ok()) return request.error();
    out.what = described(*request, language);
  }
  out.title = title_of(out.held, out.what, language);
  auto people = asked(context, out.held, list->domain_id);
  if (!people.ok()) return people.error();
  out.asked = *std::move(people);
  if (!with_words || !out.over.empty()) return Found(std::move(out));
  auto words = beginning_of(context, out.held);
  if (!words.ok()) return words.error();
  out.words = *std::move(words);
  auto others = others_beside(context, out.held, *list, language);
  if (!others.ok()) return others.error();
  out.others = *std::move(others);
  return Found(std::move(out));
}

}  // namespace essaim::lists
