// What a mail filter answers: bounded, no octet of it ends a field or a reply of ours, and what it makes of a message is one.
#include <algorithm>

#include "smtpd/filters/milter_session.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using namespace essaim::smtpd;

namespace {

constexpr std::string_view kMessage = "From: ann@a.example\r\nSubject: Bees\r\n\r\nThe swarm moves on.\r\n";
constexpr std::uint64_t kMostOctets = 100'000;

struct Sent final : milter::Session::Output {
  void send(std::string_view bytes) override { octets += bytes.size(); }
  void send_content(std::size_t offset, std::size_t length) override {
    ESSAIM_CHECK(offset + length <= kMessage.size());
    octets += length;
  }
  std::size_t octets = 0;
};

void check(const milter::Verdict& verdict) {
  if (verdict.reply.code != 0) {
    ESSAIM_CHECK(verdict.reply.temporary() || verdict.reply.permanent());
    ESSAIM_CHECK(verdict.reply.enhanced.klass == verdict.reply.code / 100);
    const std::string& text = verdict.reply.text;
    ESSAIM_CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
  ESSAIM_CHECK(verdict.changes.size() <= milter::Session::kMostChanges);
  ESSAIM_CHECK(!verdict.body || verdict.body->size() <= kMostOctets);
  const auto made = changed(kMessage, verdict.changes, verdict.body ? &*verdict.body : nullptr);
  if (!made.ok()) return;
  const auto header = mail::HeaderBlock::parse(made->content);
  ESSAIM_CHECK(header.ok());
  // As many fields as were there and were added: none was split, none ends the header.
  std::size_t most = 2;
  for (const HeaderChange& change : verdict.changes) most += change.value.empty() ? 0 : 1;
  for (const HeaderChange& change : verdict.changes)
    most += change.value.empty() && change.kind != HeaderChange::Kind::kChange ? 1 : 0;
  ESSAIM_CHECK(header->fields().size() <= most);
  const std::string_view body = std::string_view(made->content).substr(header->body_offset());
  ESSAIM_CHECK(
      body == (verdict.body ? std::string_view(*verdict.body) : std::string_view("The swarm moves on.\r\n")));
}

}  // namespace

ESSAIM_FUZZ_TARGET(milter) {
  const unsigned char seed = fuzz::take_choice(&data);
  milter::Envelope envelope;
  envelope.client_ip = "192.0.2.1";
  envelope.helo = "client.example";
  envelope.recipients = {"dev@lists.example"};
  const auto header = mail::HeaderBlock::parse(kMessage);
  Sent sent;
  milter::Session session(envelope, kMessage, *header, kMostOctets, sent);
  session.start();
  for (const std::string_view piece : fuzz::at_random(data, seed)) {
    if (!session.receive(piece).ok()) return;
    if (session.done()) return check(session.take_verdict());
  }
  ESSAIM_CHECK(sent.octets < 10'000 + data.size() * 100);
}
