// Digests of any message beside a known one: the known one stays as it is, and nobody's text ends a part that is not theirs.
#include <string>
#include <vector>

#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/multipart.h"
#include "core/mail/readable.h"
#include "lists/digests/compose.h"
#include "tests/fuzz/target.h"

using namespace essaim;

namespace {

constexpr std::string_view kKnown =
    "Received: from x\r\nFrom: Ann <ann@x.example>\r\nSubject: known\r\nDate: Mon, 30 Nov 2026 12:00:00 "
    "+0000\r\n\r\n"
    "known words\r\n";
constexpr std::string_view kKnownPart =
    "\r\nFrom: Ann <ann@x.example>\r\nSubject: known\r\nDate: Mon, 30 Nov 2026 12:00:00 +0000\r\n\r\nknown "
    "words";

std::vector<std::string_view> parts_of(std::string_view message) {
  const auto header = mail::HeaderBlock::parse(message);
  ESSAIM_CHECK(header.ok());
  const std::string_view body = message.substr(header->body_offset());
  const auto split = mail::split_multipart(body, mail::content_type_of(*header).parameter("boundary"));
  ESSAIM_CHECK(split.has_value());
  std::vector<std::string_view> out;
  for (const mail::PartRange& part : split->parts)
    out.push_back(body.substr(part.begin, part.end - part.begin));
  return out;
}

void check_mime(const lists::Digest& digest, const std::string& message, std::string_view body) {
  const auto outer = parts_of(message);
  ESSAIM_CHECK(outer.size() == 2);
  const auto posts = parts_of(outer[1]);
  const bool encrypted = digest.entries[0].encrypted;
  ESSAIM_CHECK(posts.size() == (encrypted ? 1U : 2U));
  ESSAIM_CHECK(posts.back() == kKnownPart);
  if (encrypted) return;
  while (body.ends_with("\r\n")) body.remove_suffix(2);
  ESSAIM_CHECK(posts[0].find(body) != std::string_view::npos);
}

void check_plain(const lists::Digest& digest) {
  const std::string text = lists::plain_digest(digest);
  std::size_t between = 0, behind_contents = 0;
  for (const std::string_view line : split(text, '\n')) {
    ESSAIM_CHECK(line.find('\r') == std::string_view::npos ||
                 line.find_first_not_of("-\r") != std::string_view::npos);
    const bool hyphens = !line.empty() && line.find_first_not_of('-') == std::string_view::npos;
    between += hyphens && line.size() == 30 ? 1 : 0;
    behind_contents += hyphens && line.size() == 70 && between == 0 && behind_contents == 0 ? 1 : 0;
  }
  ESSAIM_CHECK(between == digest.entries.size() && behind_contents == 1);
  ESSAIM_CHECK(text.ends_with("End of dev digest 3\n*******************\n"));
}

}  // namespace

ESSAIM_FUZZ_MESSAGES(digest) {
  auto any = lists::digest_entry(data);
  if (!any.ok()) return;
  const std::string_view body = any->body;
  std::vector<lists::DigestEntry> entries;
  entries.push_back(*std::move(any));
  auto known = lists::digest_entry(kKnown);
  ESSAIM_CHECK(known.ok());
  entries.push_back(*std::move(known));
  storage::ListRecord list;
  list.local = "dev";
  list.domain = "lists.example";
  const lists::ListSettings settings;
  const lists::Digest digest{list, settings, 3, entries};
  const lists::DigestHead head{from_millis(1'800'000'000'000), "<1@mx.example>"};
  for (const auto reception :
       {storage::Reception::kDigest, storage::Reception::kPlainDigest, storage::Reception::kSummary}) {
    const auto message = lists::compose_digest(reception, digest, head);
    ESSAIM_CHECK(message.ok());
    if (reception == storage::Reception::kDigest) check_mime(digest, *message, body);
  }
  check_plain(digest);
  // One alone has its subject in that of the digest.
  entries.pop_back();
  ESSAIM_CHECK(lists::compose_digest(storage::Reception::kSummary, digest, head).ok());
}
