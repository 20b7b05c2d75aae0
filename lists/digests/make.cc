#include "lists/digests/make.h"

#include "core/base/text.h"
#include "lists/incoming.h"
#include "lists/list_copies.h"

namespace essaim::lists {

Result<ReadyDigest> make_digest(const Services& services, const Target& target, storage::Reception reception,
                                const Digest& digest, Id id, WallTime now) {
  const std::string message_id = "<" + format_id(id) + "@" + services.site.hostname + ">";
  auto composed = compose_digest(reception, digest, {now, message_id});
  if (!composed.ok()) return composed.error();
  Submission ours;
  ours.id = id;
  ours.content = *std::move(composed);
  const auto incoming = parse_incoming(ours);
  if (!incoming.ok()) return incoming.error();
  Draft draft = begin_draft(ours, *incoming, target, services.site, now);
  draft.is_signed = services.signing_keys && !services.signing_keys(target.list.domain).empty();
  ESSAIM_TRY(run_handlers(digest_handlers(), &draft));
  ReadyDigest out;
  out.rendered = finished(draft, {});
  storage::PostRecord& post = out.post;
  post.id = id;
  address_copies(services, target, now, &post);
  post.author = incoming->author ? incoming->author->to_string() : "";
  post.message_id = message_id;
  post.subject = incoming->subject;
  post.size = static_cast<std::int64_t>(out.rendered.rendering.size());
  post.private_header = out.rendered.private_header;
  post.eight_bit = out.rendered.eight_bit;
  post.readers = reception;
  post.explanation = "digest: " + std::to_string(digest.number) +
                     ", of posts: " + std::to_string(digest.entries.size()) + "\n";
  return out;
}

}  // namespace essaim::lists
