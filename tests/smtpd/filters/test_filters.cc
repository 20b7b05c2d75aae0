// Which filter is asked, at which address, how many messages at a time, and what becomes of those that wait. The scenario shows the
// rest with libmilter.
#include <list>
#include <map>

#include "smtpd/filters/filters.h"
#include "tests/core/net/peer.h"

using namespace essaim;
using namespace essaim::smtpd;
using namespace essaim::test;

namespace {

std::string answer_packet(char what, const std::string& data) {
  return milter::octets_of(static_cast<std::uint32_t>(data.size() + 1)) + what + data;
}

constexpr std::uint32_t kOnlyTheEnd =
    milter::step::kNoConnect | milter::step::kNoHelo | milter::step::kNoMail | milter::step::kNoRecipient |
    milter::step::kNoBody | milter::step::kNoHeaders | milter::step::kNoEndOfHeader | milter::step::kNoData;

// Is shown the end of each message alone, and answers when it is told to.
class FakeFilter {
 public:
  explicit FakeFilter(net::EventLoop& loop)
      : loop_(loop),
        socket_(listen_on_loopback()),
        acceptor_(loop, socket_, [this](int fd, const auto& from) {
          Session& session = sessions_.emplace_back();
          session.peer.when_data = [this, &session](std::string_view bytes) { take(session, bytes); };
          session.peer.connection = net::Connection::adopt(loop_, fd, from, &session.peer);
        }) {}

  std::string address() const { return socket_->address().to_string(); }
  std::size_t waiting() const {
    return static_cast<std::size_t>(
        std::count_if(sessions_.begin(), sessions_.end(), [](const Session& s) { return s.at_end; }));
  }
  std::size_t seen() const { return sessions_.size(); }
  void answer_all(char what, const std::string& data = "") {
    for (Session& session : sessions_) {
      if (!std::exchange(session.at_end, false)) continue;
      session.peer.connection->write(answer_packet(what, data));
    }
  }
  void hang_up() {
    for (Session& session : sessions_) {
      if (std::exchange(session.at_end, false)) session.peer.connection->close_after_flush();
    }
  }

 private:
  struct Session {
    Peer peer;
    milter::PacketReader reader;
    bool at_end = false;
  };
  void take(Session& session, std::string_view bytes) {
    session.reader.add(bytes);
    for (auto next = session.reader.next(); next.ok() && next->has_value(); next = session.reader.next()) {
      if ((*next)->what == 'O')
        session.peer.connection->write(answer_packet(
            'O', milter::octets_of(6) + milter::octets_of(0xFF) + milter::octets_of(kOnlyTheEnd)));
      if ((*next)->what == 'E') session.at_end = true;
    }
  }

  net::EventLoop& loop_;
  std::shared_ptr<net::ListenSocket> socket_;
  std::list<Session> sessions_;
  net::Acceptor acceptor_;
};

FilterSettings settings(const std::string& name, std::vector<std::string> addresses, int connections = 20) {
  FilterSettings out;
  out.name = name;
  out.addresses = std::move(addresses);
  out.connections = connections;
  out.timeout = std::chrono::minutes(10);
  return out;
}

std::string nowhere() {
  return listen_on_loopback()->address().to_string();  // which is closed again
}

struct Site {
  explicit Site(std::vector<FilterSettings> all, Duration most_for_all = Filters::kMostForAll)
      : filters({&loop}, 100'000, std::move(all), most_for_all) {}
  ~Site() {
    filters.give_up();
    run_until(loop, [this] { return answered == begun; });
    loop.post([] {});
    loop.run_turn();
  }
  void send(int count = 1, ListenerRole role = ListenerRole::kMx) {
    for (int i = 0; i < count; ++i) {
      ++begun;
      filters.check(role, begun, envelope, "Subject: " + std::to_string(begun) + "\r\n\r\nbody\r\n",
                    [this](Filtered f) {
                      ++answered;
                      ++replies[f.reply.code];
                      last = std::move(f);
                    });
    }
  }
  bool until(const std::function<bool()>& condition) { return run_until(loop, condition); }

  net::EventLoop loop{"test"};
  std::shared_ptr<const milter::Envelope> envelope = std::make_shared<const milter::Envelope>();
  int begun = 0, answered = 0;
  std::map<int, int> replies;
  Filtered last;
  Filters filters;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(mail_filters)

BOOST_AUTO_TEST_CASE(no_more_are_shown_at_a_time_than_it_takes_and_the_others_follow) {
  Site site({});
  FakeFilter filter(site.loop);
  site.filters.configure({settings("one", {filter.address()}, 3)});
  site.send(10);
  BOOST_REQUIRE(site.until([&] { return filter.waiting() == 3; }));
  run_for(site.loop, std::chrono::milliseconds(20));
  BOOST_TEST(filter.seen() == 3U);
  for (const std::size_t seen : {6U, 9U, 10U}) {
    filter.answer_all('c');
    BOOST_REQUIRE(
        site.until([&] { return filter.seen() == seen && filter.waiting() == (seen == 10U ? 1U : 3U); }));
  }
  filter.answer_all('a');
  BOOST_REQUIRE(site.until([&] { return site.answered == 10; }));
  BOOST_TEST(site.replies[0] == 10);
  BOOST_TEST(site.last.content.starts_with("Subject: "));
}

BOOST_AUTO_TEST_CASE(addresses_stand_in_for_each_other_and_the_last_that_answered_is_asked_first) {
  Site site({});
  FakeFilter filter(site.loop);
  site.filters.configure({settings("one", {nowhere(), filter.address()})});
  site.send();
  BOOST_REQUIRE(site.until([&] { return filter.waiting() == 1; }));
  filter.answer_all('r');
  BOOST_REQUIRE(site.until([&] { return site.answered == 1; }));
  BOOST_TEST(site.replies[550] == 1);
  BOOST_TEST(site.last.rule == "filter:one");
  BOOST_TEST(site.last.unanswered.empty());
  // One that hangs up in the middle is stood in for, too.
  FakeFilter other(site.loop);
  site.filters.configure({settings("two", {filter.address(), other.address()})});
  site.send();
  BOOST_REQUIRE(site.until([&] { return filter.waiting() == 1; }));
  filter.hang_up();
  BOOST_REQUIRE(site.until([&] { return other.waiting() == 1; }));
  other.answer_all('c');
  BOOST_REQUIRE(site.until([&] { return site.answered == 2; }));
  BOOST_TEST(site.replies[0] == 1);
  site.send();
  BOOST_REQUIRE(site.until([&] { return other.waiting() == 1; }));
  other.answer_all('c');
  BOOST_REQUIRE(site.until([&] { return site.answered == 3; }));
}

BOOST_AUTO_TEST_CASE(what_nobody_answers_about_is_put_off_or_passes_and_waiting_ones_are_not_forgotten) {
  Site site({});
  FilterSettings down = settings("down", {nowhere()}, 1);
  site.filters.configure({down});
  site.send(50);
  BOOST_REQUIRE(site.until([&] { return site.answered == 50; }));
  BOOST_TEST(site.replies[451] == 50);
  BOOST_TEST(site.last.rule == "filter:down");
  BOOST_TEST(!site.last.unanswered.empty());
  down.pass_when_down = true;
  site.filters.configure({down});
  site.send(50);
  BOOST_REQUIRE(site.until([&] { return site.answered == 100; }));
  BOOST_TEST(site.replies[0] == 50);
}

BOOST_AUTO_TEST_CASE(each_looks_at_its_listeners_alone) {
  Site site({});
  FakeFilter filter(site.loop);
  FilterSettings submission = settings("submission", {filter.address()});
  submission.mx = false;
  submission.submission = true;
  site.filters.configure({submission});
  BOOST_TEST(!site.filters.any_for(ListenerRole::kMx));
  BOOST_TEST(!site.filters.any_for(ListenerRole::kOurselves));
  BOOST_TEST(site.filters.any_for(ListenerRole::kSubmission));
  BOOST_TEST(site.filters.any_for(ListenerRole::kSubmissions));
  site.send(1, ListenerRole::kMx);
  BOOST_REQUIRE(site.until([&] { return site.answered == 1; }));
  site.send(1, ListenerRole::kSubmissions);
  BOOST_REQUIRE(site.until([&] { return filter.waiting() == 1; }));
  BOOST_TEST(filter.seen() == 1U);
}

BOOST_AUTO_TEST_CASE(at_the_end_all_have_an_answer_those_that_are_shown_and_those_that_wait) {
  Site site({});
  FakeFilter filter(site.loop);
  site.filters.configure({settings("one", {filter.address()}, 2)});
  site.send(5);
  BOOST_REQUIRE(site.until([&] { return filter.waiting() == 2; }));
  site.filters.give_up();
  site.send();
  BOOST_REQUIRE(site.until([&] { return site.answered == 6; }));
  BOOST_TEST(site.replies[421] == 6);
}

BOOST_AUTO_TEST_CASE(when_the_time_of_a_message_is_over_it_waits_for_no_filter_any_more) {
  Site site({}, std::chrono::milliseconds(200));
  FakeFilter silent(site.loop);
  FilterSettings first = settings("first", {silent.address()}, 1),
                 next = settings("next", {silent.address()}, 1);
  first.pass_when_down = true;
  site.filters.configure({first, next});
  site.send(3);
  BOOST_REQUIRE(site.until([&] { return site.answered == 3; }));
  BOOST_TEST(site.replies[451] == 3);
  BOOST_TEST(site.last.rule == "filter:next");
  next.pass_when_down = true;
  site.filters.configure({first, next});
  site.send(3);
  BOOST_REQUIRE(site.until([&] { return site.answered == 6; }));
  BOOST_TEST(site.replies[0] == 3);
  BOOST_TEST(silent.seen() == 2U);  // nobody but the first of each three had a connection
}

BOOST_AUTO_TEST_CASE(what_is_no_message_is_shown_to_nobody) {
  Site site({});
  FakeFilter filter(site.loop);
  site.filters.configure({settings("one", {filter.address()})});
  Filtered found;
  bool done = false;
  site.filters.check(ListenerRole::kMx, 1, site.envelope, "Subject: a\rb\r\n\r\n", [&](Filtered f) {
    found = std::move(f);
    done = true;
  });
  BOOST_REQUIRE(site.until([&] { return done; }));
  BOOST_TEST(found.content == "Subject: a\rb\r\n\r\n");
  BOOST_TEST(filter.seen() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
