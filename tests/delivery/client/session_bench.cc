#include "tests/delivery/client/session_bench.h"

#include <algorithm>

#include "core/base/text.h"
#include "tests/support/wire_form.h"

namespace essaim::delivery::bench {
namespace {

const char* word(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::kDelivered:
      return "delivered";
    case Outcome::Kind::kDeferred:
      return "deferred";
    case Outcome::Kind::kFailed:
      return "failed";
    case Outcome::Kind::kReturned:
      return "returned";
  }
  return "?";
}

std::string octets(std::size_t n) {
  std::string text = std::to_string(n);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return "(" + text + " octets)";
}

}  // namespace

std::shared_ptr<const ActivePost> make_post(const PostOptions& options) {
  auto post = std::make_shared<ActivePost>();
  post->post.eight_bit = options.eight_bit;
  post->envelope_sender = Template::compile(options.sender).value();
  post->private_header = Template::compile(options.header).value();
  post->wire = share(options.plain.empty() ? options.wire : test::dot_stuffed_message(options.plain));
  if (!options.plain.empty()) post->plain = unstuffed(*post->wire);
  if (!options.wire_7bit.empty()) post->wire_7bit = share(options.wire_7bit);
  post->smtputf8 = options.smtputf8;
  post->dsn_return = options.dsn_return;
  post->dsn_envelope_id = options.dsn_envelope_id;
  return post;
}

Transaction make_transaction(const std::string& recipients, std::shared_ptr<const ActivePost> post) {
  auto batch = std::make_shared<ActiveBatch>();
  batch->post = std::move(post);
  Transaction transaction;
  for (const auto text : split(recipients, ' ')) {
    const std::size_t at = text.rfind('@');
    transaction.indices.push_back(static_cast<std::uint16_t>(batch->recipients.size()));
    batch->recipients.push_back({static_cast<Id>(batch->recipients.size() + 1),
                                 std::string(text.substr(0, at)), std::string(text.substr(at + 1))});
  }
  transaction.batch = std::move(batch);
  return transaction;
}

SessionBench::SessionBench(const CourierSettings& settings, bool tls, TlsTerms terms)
    : settings_(settings), session_(settings_, minter_, "mx[192.0.2.1]:25", tls, this, std::move(terms)) {
  session_.set_trace(true);
}

void SessionBench::event(std::string line) {
  settle();
  if (ends_ > 0) trouble_ += "after the end: " + line + "\n";
  events_.push_back(std::move(line));
}

void SessionBench::settle() {
  while (!pending_.empty()) {
    const std::size_t end = pending_.find("\r\n");
    if (end == std::string::npos) {
      trouble_ += "a command without end: " + pending_ + "\n";
      pending_.clear();
      return;
    }
    const std::string line = pending_.substr(0, end);
    if (line.find_first_of("\r\n") != std::string::npos) trouble_ += "a bare line end in: " + line + "\n";
    pending_.erase(0, end + 2);
    written_.push_back(line);
    events_.push_back("C: " + line);
  }
}

std::vector<std::string> SessionBench::take_events() {
  settle();
  return std::exchange(events_, {});
}

std::string SessionBench::take_written() {
  settle();
  return std::exchange(raw_, {});
}

void SessionBench::pass(Duration time) {
  now_ += time;
  const auto deadline = session_.deadline();
  if (deadline && *deadline <= now_) session_.on_timer(now_);
}

void SessionBench::write(std::string_view bytes) {
  if (ends_ > 0) trouble_ += "written after the end\n";
  if (chunk_left_ > 0) trouble_ += "a command in the middle of a chunk\n";
  pending_ += bytes;
  raw_ += bytes;
}

void SessionBench::write_shared(const SharedBytes& bytes, std::size_t offset, std::size_t length) {
  const std::string_view part = std::string_view(*bytes).substr(offset, length);
  if (chunk_left_ > 0) return write_chunk(part);
  if (const std::size_t bdat = pending_.rfind("BDAT ");
      bdat != std::string::npos && (bdat == 0 || pending_[bdat - 1] == '\n')) {
    // Commands up to BDAT, the private block, and this.
    const std::size_t end = pending_.find("\r\n", bdat) + 2;
    const std::size_t block = pending_.size() - end;
    const std::string line = pending_.substr(bdat, end - bdat);
    const auto announced = parse_u64(line.substr(5, line.find(' ', 5) - 5)).value_or(0);
    if (line != "BDAT " + std::to_string(announced) + " LAST\r\n" || announced <= block)
      trouble_ += "a chunk behind " + line;
    pending_.resize(end);
    settle();
    written_.push_back(octets(announced));
    events_.push_back("C: " + octets(announced));
    chunk_left_ = announced - block;
    return write_chunk(part);
  }
  // What stands before it in this turn is the private block: commands are written by a turn of their own.
  const std::string line = octets(pending_.size() + part.size() - 3);
  pending_.clear();
  raw_ += part;
  if (!raw_.ends_with("\r\n.\r\n")) trouble_ += "a message without end\n";
  for (const char* text : {line.c_str(), "."}) {
    written_.emplace_back(text);
    events_.push_back(std::string("C: ") + text);
  }
}

void SessionBench::write_chunk(std::string_view part) {
  if (part.empty() || part.size() > chunk_left_) trouble_ += "a chunk of another length than announced\n";
  raw_ += part;
  chunk_left_ -= std::min(chunk_left_, part.size());
}

void SessionBench::start_tls() {
  event("T:");
}
void SessionBench::on_ready() {
  event("R:");
}

bool SessionBench::next(Transaction* transaction) {
  if (ends_ > 0) trouble_ += "asked for work after the end\n";
  if (work_.empty()) return false;
  taken_.push_back(work_.front());
  *transaction = std::move(work_.front());
  work_.pop_front();
  return true;
}

void SessionBench::on_outcome(const Transaction& transaction, const Outcome& outcome, Indices recipients) {
  for (const auto index : recipients) on_outcome_of(transaction, index, outcome);
}

void SessionBench::on_outcome_of(const Transaction& transaction, std::uint16_t index,
                                 const Outcome& outcome) {
  outcomes_[{transaction.batch.get(), index}].push_back(outcome);
  event("O: " + std::to_string(index) + " " + word(outcome.kind) + " " + to_string(outcome.stage) + " " +
        outcome.reply.to_string() + (outcome.reply_from_peer ? "" : " [ours]") +
        (outcome.about_message ? " [message]" : "") + (outcome.dsn_passed_on ? " [dsn]" : ""));
}

void SessionBench::on_done(const ClientSession::End& end) {
  event(std::string("E: ") + (end.ready ? "ready" : "unusable") + (end.orderly ? " orderly" : "") +
        (end.retry_in_clear ? " retry-in-clear" : "") + (end.next_host ? " next-host" : "") +
        (end.tls_lost ? " lost" : "") + " " + to_string(end.stage) + " " + end.reply.to_string());
  ++ends_;
  last_end_ = end;
}

void SessionBench::trace(char side, std::string_view line) {
  if (side == 'C') traced_.emplace_back(line);
}

std::string SessionBench::violation() const {
  std::string out = trouble_;
  if (ends_ > 1) out += "ended twice\n";
  if (pending_.empty() && traced_ != written_) out += "the trace says otherwise than the wire\n";
  std::size_t expected = 0;
  for (const auto& transaction : taken_) {
    expected += transaction.indices.size();
    for (const auto index : transaction.indices) {
      const auto found = outcomes_.find({transaction.batch.get(), index});
      const std::size_t count = found == outcomes_.end() ? 0 : found->second.size();
      if (count > 1 || (count == 0 && ends_ > 0))
        out += "recipient " + std::to_string(index) + " has " + std::to_string(count) + " outcomes\n";
    }
  }
  if (outcomes_.size() > expected) out += "outcomes for recipients that it never took\n";
  return out;
}

namespace {

std::string act(SessionBench* bench, std::string_view what) {
  auto& session = bench->session();
  const MonoTime now = bench->now();
  if (what == "close") {
    session.on_closed({ErrorCode::kCancelled, "the peer closed the connection"}, false, now);
  } else if (what == "reset") {
    session.on_closed({ErrorCode::kTemporary, "connection reset"}, false, now);
  } else if (what == "tls ok") {
    session.on_tls_established(now);
  } else if (what == "tls fail") {
    session.on_closed({ErrorCode::kInvalid, "handshake failure"}, true, now);
  } else if (what == "drained") {
    bench->drained();
  } else if (what == "wake") {
    session.wake(now);
  } else if (what == "quit") {
    session.close(now);
  } else if (what.starts_with("pass ")) {
    Duration time{};
    if (!parse_duration(std::string(what.substr(5)), &time)) return "no duration in the script\n";
    bench->pass(time);
  } else {
    return "unknown line in the script: ! " + std::string(what) + "\n";
  }
  return "";
}

}  // namespace

std::string play(SessionBench* bench, std::string_view script, Feed feed) {
  bench->session().on_connected(bench->now());
  std::vector<std::string> expected;
  std::string server;
  bool stalled = false;
  const auto compare = [&] {
    const auto got = bench->take_events();
    std::string out;
    for (std::size_t i = 0; i < std::max(got.size(), expected.size()); ++i) {
      const std::string a = i < expected.size() ? expected[i] : "(nothing)";
      const std::string b = i < got.size() ? got[i] : "(nothing)";
      if (a != b) {
        out = "expected  " + a + "\n     got  " + b + "\n";
        break;
      }
    }
    expected.clear();
    return out;
  };
  const auto send = [&] {
    if (!stalled) bench->drained();
    if (feed == Feed::kWhole) {
      bench->feed(server);
    } else {
      for (const char c : server) bench->feed({&c, 1});
    }
    server.clear();
  };
  for (auto line : split(script, '\n')) {
    line = trimmed(line);
    if (line.empty()) continue;
    if (line.starts_with("S: ") || line.starts_with("! ")) {
      if (!expected.empty() || (server.empty() && line[0] == 'S'))
        if (const auto difference = compare(); !difference.empty()) return difference;
      if (line[0] == 'S') {
        server.append(line.substr(3)).append("\r\n");
        continue;
      }
      if (!server.empty()) send();
      if (const auto difference = compare(); !difference.empty()) return difference;
      if (line == "! stalled")
        stalled = true;
      else if (const auto trouble = act(bench, line.substr(2)); !trouble.empty())
        return trouble;
    } else {
      if (!server.empty()) send();
      expected.emplace_back(line);
    }
  }
  if (!server.empty()) send();
  if (const auto difference = compare(); !difference.empty()) return difference;
  return bench->violation();
}

}  // namespace essaim::delivery::bench
