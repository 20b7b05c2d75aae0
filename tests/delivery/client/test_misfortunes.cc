// Every reply of a dialogue in turn is replaced by every misfortune. A simulated server keeps its own books
// of what it took, and they are compared with the outcomes.
#include <algorithm>
#include <random>
#include <set>

#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "delivery/client/troubled_hosts.h"
#include "tests/delivery/client/noise.h"
#include "tests/delivery/client/session_bench.h"

using namespace essaim;
using namespace essaim::delivery;
using bench::Feed;
using bench::make_transaction;
using bench::SessionBench;

namespace {

enum class Misfortune {
  kNone,
  k4xx,
  k5xx,
  k421,
  k3xx,
  kClose,
  kReset,
  kTimeout,
  kGarbage,
  kHttp,
  kNul,
  kMixed,
  kFlood,
  kLongLine,
  kExtra,
  kLast
};

struct Shape {
  bool pipelining, chain, starttls, chunking;
};

// Knows the commands that were written, answers them in order, and at reply number `bad` does something else.
class Server {
 public:
  Server(SessionBench* bench, const Shape& shape, int bad, Misfortune what, Feed feed)
      : bench_(bench), shape_(shape), bad_(bad), what_(what), feed_(feed) {}

  // Until the session is over or idle. False: it stalled.
  bool run() {
    bench_->session().on_connected(bench_->now());
    reply("220 mx");
    for (int turn = 0; turn < 200 && !bench_->done(); ++turn) {
      for (const auto& event : bench_->take_events()) {
        if (bench_->done()) return true;
        if (event.starts_with("C: ")) take(event.substr(3));
        if (event == "T:") bench_->session().on_tls_established(bench_->now());
        if (!pending_.empty()) flush();
      }
      if (bench_->done()) return true;
      bench_->drained();
      flush();
      if (bench_->done()) return true;
      if (bench_->session().state() == SessionState::kIdle) bench_->pass(std::chrono::seconds(6));
      if (silent_) bench_->pass(std::chrono::minutes(11));
    }
    return bench_->done();
  }

  int replies() const { return count_; }
  bool mail_refused() const { return mail_refused_; }
  const std::multiset<std::string>& delivered() const { return delivered_; }
  const std::multiset<std::string>& refused() const { return refused_; }

 private:
  void take(const std::string& line) {
    if (silent_) return;
    if (in_chunk_) {
      in_chunk_ = false;
      if (!mail_ || rcpt_.empty()) {
        reply("503 nobody");
      } else if (reply("250 queued")) {
        delivered_.insert(rcpt_.begin(), rcpt_.end());
        mail_ = false;
      } else if (permanent_) {
        refused_.insert(rcpt_.begin(), rcpt_.end());
      }
    } else if (in_data_) {
      if (line != ".") return;
      in_data_ = false;
      if (reply("250 queued"))
        delivered_.insert(rcpt_.begin(), rcpt_.end());
      else if (permanent_)
        refused_.insert(rcpt_.begin(), rcpt_.end());
      mail_ = false;
    } else if (line.starts_with("EHLO")) {
      reply(std::string("250-mx\r\n250-") + (shape_.pipelining ? "PIPELINING" : "X") + "\r\n250-" +
            (shape_.chunking ? "CHUNKING" : "Y") + "\r\n250 " +
            (shape_.starttls && !tls_ ? "STARTTLS" : "SIZE"));
    } else if (line.starts_with("HELO")) {
      reply("250 mx");
    } else if (line == "STARTTLS") {
      tls_ = reply("220 go");
    } else if (line == "RSET") {
      reply("250 ok");
      mail_ = false;
    } else if (line.starts_with("MAIL")) {
      rcpt_.clear();
      mail_ = reply("250 ok");
      mail_permanent_ = permanent_;
      mail_refused_ = mail_refused_ || permanent_;
    } else if (line.starts_with("RCPT")) {
      if (!mail_) {
        if (mail_permanent_) refused_.insert(line);
        reply("503 no MAIL");
      } else if (reply("250 ok")) {
        rcpt_.push_back(line);
      } else if (permanent_) {
        refused_.insert(line);
      }
    } else if (line.starts_with("BDAT")) {
      in_chunk_ = true;
    } else if (line == "DATA") {
      if (!mail_ || rcpt_.empty())
        reply("554 nobody");
      else if (reply("354 go"))
        in_data_ = true;
      else if (permanent_)
        refused_.insert(rcpt_.begin(), rcpt_.end());
    }
  }

  // True when the good reply was given.
  bool reply(const std::string& good) {
    permanent_ = false;
    if (silent_) return false;
    if (count_++ != bad_ || what_ == Misfortune::kNone) {
      pending_ += good + "\r\n";
      return true;
    }
    switch (what_) {
      case Misfortune::k4xx:
        pending_ += "451 4.3.0 later\r\n";
        break;
      case Misfortune::k5xx:
        pending_ += "550 5.7.1 no\r\n";
        permanent_ = true;
        break;
      case Misfortune::k3xx:
        if (good.starts_with("354")) {
          pending_ += "250 what\r\n";
        } else {
          pending_ += "354 what\r\n";
        }
        break;
      case Misfortune::kExtra:
        pending_ += good + "\r\n250 extra\r\n";
        return true;
      case Misfortune::k421:
        pending_ += "421 bye\r\n";
        break;
      case Misfortune::kGarbage:
        pending_ += "hello\xff\x1b[31m\r\n";
        break;
      case Misfortune::kHttp:
        pending_ += "HTTP/1.1 400 Bad Request\r\n\r\n";
        break;
      case Misfortune::kNul:
        pending_ += std::string("250 a\0b\r\n", 9);
        break;
      case Misfortune::kMixed:
        pending_ += "250-a\r\n251 b\r\n";
        break;
      case Misfortune::kFlood:
        for (int i = 0; i < 20'000; ++i) pending_ += "250-more\r\n";
        break;
      case Misfortune::kLongLine:
        pending_ += "250 " + std::string(100'000, 'x');
        break;
      default:
        break;
    }
    switch (what_) {
      case Misfortune::kClose:
      case Misfortune::kReset:
        flush();
        if (!bench_->done())
          bench_->session().on_closed(
              {what_ == Misfortune::kClose ? ErrorCode::kCancelled : ErrorCode::kTemporary, "x"}, false,
              bench_->now());
        break;
      case Misfortune::k421:
        flush();
        break;
      default:
        break;
    }
    if (what_ != Misfortune::k4xx && what_ != Misfortune::k5xx && what_ != Misfortune::k3xx) silent_ = true;
    return false;
  }

  void flush() {
    const std::string bytes = std::exchange(pending_, {});
    if (bench_->done() || bytes.empty()) return;
    bench_->drained();
    if (feed_ == Feed::kWhole)
      bench_->feed(bytes);
    else
      for (const char c : bytes) bench_->feed({&c, 1});
  }

  SessionBench* bench_;
  const Shape shape_;
  const int bad_;
  const Misfortune what_;
  const Feed feed_;
  std::string pending_;
  std::vector<std::string> rcpt_;
  std::multiset<std::string> delivered_, refused_;
  int count_ = 0;
  bool silent_ = false, in_data_ = false, in_chunk_ = false, mail_ = false, mail_permanent_ = false,
       mail_refused_ = false, permanent_ = false, tls_ = false;
};

std::multiset<std::string> told(const SessionBench& session, Outcome::Kind kind) {
  std::multiset<std::string> out;
  for (const auto& transaction : session.taken())
    for (const auto index : transaction.indices) {
      const auto found = session.outcomes().find({transaction.batch.get(), index});
      if (found == session.outcomes().end() || found->second.front().kind != kind) continue;
      const auto& recipient = transaction.batch->recipients[index];
      out.insert("RCPT TO:<" + recipient.local + "@" + recipient.domain + ">");
    }
  return out;
}

struct Tally {
  int runs = 0;
  int delivered = 0, failed = 0, deferred = 0, returned = 0;
};

void run_all(const Shape& shape, Feed feed, Tally* tally) {
  CourierSettings settings;
  settings.helo = "us.example";
  settings.chain_transactions = shape.chain;
  bench::PostOptions options;
  options.plain = "Subject: x\r\n\r\nbody\r\n";
  const auto post = bench::make_post(options);
  int replies = 1;  // kNone comes first and tells how many there are
  for (int what = 0; what < static_cast<int>(Misfortune::kLast); ++what) {
    for (int bad = 0; bad < replies; ++bad) {
      settings.chunking = std::make_shared<TroubledHosts>();
      SessionBench session(settings, true);
      for (const char* recipients : {"a@x b@x c@x", "d@x", "e@x f@x"})
        session.give(make_transaction(recipients, post));
      Server server(&session, shape, bad, static_cast<Misfortune>(what), feed);
      const bool over = server.run();
      const std::string label = std::string(shape.pipelining ? "pipelining " : "") +
                                (shape.chain ? "chain " : "") + (shape.chunking ? "chunking " : "") +
                                (shape.starttls ? "tls " : "") + "misfortune " + std::to_string(what) +
                                " at reply " + std::to_string(bad);
      BOOST_TEST(over, label << ": stalled in " << row_of(session.session().state()).name);
      BOOST_TEST(session.violation() == "", label << ": " << session.violation());
      // What was delivered or refused on one side was so on the other.
      const auto delivered = told(session, Outcome::Kind::kDelivered);
      const auto failed = told(session, Outcome::Kind::kFailed);
      const bool out_of_step = static_cast<Misfortune>(what) == Misfortune::kExtra;
      if (!out_of_step) {
        BOOST_TEST(delivered == server.delivered(), label << ": delivered differ");
        if (server.mail_refused() && !shape.pipelining)  // its recipients were never named
          BOOST_TEST((!failed.empty() && server.refused().empty()), label << ": failed differ");
        else
          BOOST_TEST(failed == server.refused(), label << ": failed differ");
      } else if (feed == Feed::kWhole) {
        for (const auto& recipient : delivered)
          BOOST_TEST(server.delivered().count(recipient) == 1, label << ": " << recipient);
      }
      tally->delivered += static_cast<int>(delivered.size());
      tally->failed += static_cast<int>(failed.size());
      tally->deferred += static_cast<int>(told(session, Outcome::Kind::kDeferred).size());
      tally->returned += static_cast<int>(told(session, Outcome::Kind::kReturned).size());
      ++tally->runs;
      replies = std::max(replies, server.replies());
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(misfortunes)

BOOST_AUTO_TEST_CASE(whatever_happens_at_any_reply_each_recipient_has_one_true_outcome) {
  Tally tally;
  for (const Feed feed : {Feed::kWhole, Feed::kByteByByte})
    for (const bool starttls : {false, true})
      for (const bool chunking : {false, true}) {
        run_all({false, false, starttls, chunking}, feed, &tally);
        run_all({true, false, starttls, chunking}, feed, &tally);
        run_all({true, true, starttls, chunking}, feed, &tally);
      }
  BOOST_TEST_MESSAGE(tally.runs << " dialogues: " << tally.delivered << " delivered, " << tally.failed
                                << " failed, " << tally.deferred << " deferred, " << tally.returned
                                << " returned");
  // The matrix reaches what it is for.
  BOOST_TEST(tally.runs > 3'000);
  for (const int count : {tally.delivered, tally.failed, tally.deferred, tally.returned})
    BOOST_TEST(count > 100);
}

BOOST_AUTO_TEST_CASE(noise_of_reply_fragments_breaks_no_promise) {
  static const char* kPieces[] = {"220 mx\r\n",
                                  "250 ok\r\n",
                                  "250-PIPELINING\r\n",
                                  "250 STARTTLS\r\n",
                                  "354 go\r\n",
                                  "250-a\r\n",
                                  "550 no\r\n",
                                  "451 later\r\n",
                                  "421 bye\r\n",
                                  "503 bad\r\n",
                                  "452 4.5.3 x\r\n",
                                  "2",
                                  "\r\n",
                                  "552 too many recipients\r\n",
                                  "250-mx\r\n250-CHUNKING\r\n250-LIMITS RCPTMAX=2\r\n250 PIPELINING\r\n",
                                  "250-LIMITS RCPTMAX=1 MAILMAX=3 RCPTDOMAINMAX=1\r\n250 CHUNKING\r\n",
                                  "502 no\r\n",
                                  "250 SIZE 10\r\n",
                                  "\n",
                                  "250-mx\r\n250 PIPELINING\r\n"};
  std::mt19937 random(20261122);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes =
        "\x01" + std::string(random() % 4 == 0 ? "" : "220 mx\r\n250-mx\r\n250 PIPELINING\r\n");
    bytes[0] = static_cast<char>(random() % 256);
    const int pieces = static_cast<int>(random() % 30);
    for (int i = 0; i < pieces; ++i) bytes += kPieces[random() % std::size(kPieces)];
    const std::string trouble = bench::run_noise(bytes);
    BOOST_REQUIRE_MESSAGE(trouble.empty(), trouble << " after " << escaped_for_display(bytes, 2'000));
  }
}

BOOST_AUTO_TEST_SUITE_END()
