#include <optional>

#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "core/dns/mx_lookup.h"
#include "core/dns/resolver.h"
#include "tests/support/free_port.h"
#include "tests/support/nsd.h"
#include "tests/support/run_until.h"

using namespace essaim;
using namespace essaim::dns;
using essaim::test::Nsd;
using essaim::test::run_for;
using essaim::test::run_until;
using std::chrono::milliseconds;

namespace essaim::dns {
inline std::ostream& operator<<(std::ostream& out, Status status) {
  return out << static_cast<int>(status);
}
}  // namespace essaim::dns

namespace {

std::map<std::string, std::string> zones() {
  std::string many;
  for (int i = 0; i < 300; ++i)
    many += "many IN MX " + std::to_string(i) + " host-with-a-long-name-" + std::to_string(i) + "\n";
  for (int i = 0; i < 10; ++i) {
    many += "chain" + std::to_string(i) + " IN CNAME chain" + std::to_string(i + 1) + "\n";
  }
  return {
      {"example.test", many + "@ IN MX 20 mx2\n@ IN MX 10 mx1\n"
                              "mx1 IN A 127.0.0.2\nmx1 IN AAAA 2001:db8::1\nmx1 IN A 127.0.0.3\n"
                              "mx2 IN A 127.0.0.4\n"
                              "v6 IN AAAA ::1\n"
                              "null IN MX 0 .\n"
                              "alias IN CNAME alias2\nalias2 IN CNAME mx1\n"
                              "mailalias IN CNAME @\n"
                              "across IN CNAME host.other.example.\n"
                              "dangling IN CNAME nowhere\n"
                              "loop1 IN CNAME loop2\nloop2 IN CNAME loop1\n"
                              "chain10 IN A 127.0.0.5\n"
                              "text IN TXT \"v=spf1 \" \"-all\"\ntext IN TXT \"second\"\n"},
      {"other.example", "host IN A 127.0.0.6\n"},
      {"localhost", "named IN A 127.0.0.7\n"},
      {"0.0.127.in-addr.arpa", "2 IN PTR mx1.example.test.\n"},
      {"8.b.d.0.1.0.0.2.ip6.arpa",
       "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 IN PTR mx1.example.test.\n"},
  };
}

struct Fixture {
  Fixture() : nsd(zones()) {
    ResolverOptions options;
    options.servers = {nsd.address()};
    resolver = make_resolver(loop, options).value();
  }
  template <typename Answer, typename Ask>
  Answer wait(Ask ask) {
    std::optional<Answer> answer;
    const auto query = ask([&](Answer a) {
      BOOST_TEST(!answer.has_value());
      answer = std::move(a);
    });
    BOOST_TEST(!answer.has_value());  // never within the call, also from the cache
    BOOST_REQUIRE(run_until(loop, [&] { return answer.has_value(); }));
    return *answer;
  }
  MxAnswer mx(const std::string& name) {
    return wait<MxAnswer>([&](auto done) { return resolver->mx(name, done); });
  }
  AddressAnswer addresses(const std::string& name) {
    return wait<AddressAnswer>([&](auto done) { return resolver->addresses(name, done); });
  }
  TextAnswer pointer(const std::string& ip) {
    return wait<TextAnswer>([&](auto done) { return resolver->pointer(ip, done); });
  }
  TextAnswer text(const std::string& name) {
    return wait<TextAnswer>([&](auto done) { return resolver->text(name, done); });
  }

  Nsd nsd;
  net::EventLoop loop{"test"};
  std::unique_ptr<Resolver> resolver;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(resolver)

BOOST_FIXTURE_TEST_CASE(answers_what_the_zones_say_the_first_time_and_from_the_cache, Fixture) {
  struct Row {
    const char* host;
    Status status;
    const char* addresses;
  };
  for (int round = 0; round < 2; ++round) {
    const MxAnswer answer = mx("example.test");
    BOOST_TEST(answer.status == Status::kOk);
    BOOST_REQUIRE(answer.records.size() == 2U);
    BOOST_TEST(answer.records[0].preference == 10);
    BOOST_TEST(answer.records[0].host == "mx1.example.test");
    BOOST_TEST(answer.records[1].host == "mx2.example.test");
    BOOST_TEST(answer.ttl.count() <= 300);
    BOOST_TEST(answer.ttl.count() > 250);
    BOOST_TEST(mx("mailalias.example.test").records.size() == 2U);
    BOOST_TEST(mx("null.example.test").records.at(0).host == ".");
    BOOST_TEST(mx("many.example.test").records.size() == 300U);  // does not fit a datagram
    BOOST_TEST(mx("many.example.test").records.back().preference == 299);
    BOOST_TEST(mx("mx1.example.test").status == Status::kNoData);
    BOOST_TEST(mx("mx1.example.test").ttl.count() > 0);
    BOOST_TEST(mx("absent.example.test").status == Status::kNoName);
    for (const Row& row : {Row{"mx2.example.test", Status::kOk, "127.0.0.4"},
                           {"v6.example.test", Status::kOk, "::1"},
                           {"across.example.test", Status::kOk, "127.0.0.6"},
                           {"named.localhost", Status::kOk, "127.0.0.7"},
                           {"text.example.test", Status::kNoData, ""},
                           {"dangling.example.test", Status::kNoName, ""},
                           {"absent.example.test", Status::kNoName, ""},
                           {"not a name", Status::kNoName, ""},
                           {"", Status::kNoName, ""},
                           {"loop1.example.test", Status::kTemporary, ""},
                           {"chain0.example.test", Status::kTemporary, ""},
                           {"chain2.example.test", Status::kOk, "127.0.0.5"},
                           {"unserved.invalid", Status::kTemporary, ""}}) {
      BOOST_TEST_CONTEXT(row.host) {
        const AddressAnswer found = addresses(row.host);
        BOOST_TEST(found.status == row.status);
        BOOST_TEST(joined(found.addresses, " ") == row.addresses);
        BOOST_TEST((found.status != Status::kTemporary || !found.problem.empty()));
      }
    }
    const AddressAnswer both = addresses("alias.example.test");
    BOOST_REQUIRE(both.addresses.size() == 3U);
    BOOST_TEST(both.addresses[0] == "2001:db8::1");
    BOOST_TEST(joined(pointer("127.0.0.2").texts, " ") == "mx1.example.test");
    BOOST_TEST(joined(pointer("2001:db8::1").texts, " ") == "mx1.example.test");
    BOOST_TEST(pointer("127.0.0.99").status == Status::kNoName);
    BOOST_TEST(pointer("junk").status == Status::kNoName);
    const TextAnswer texts = text("text.example.test");
    BOOST_REQUIRE(texts.texts.size() == 2U);
    BOOST_TEST(((texts.texts[0] == "v=spf1 -all") != (texts.texts[1] == "v=spf1 -all")));
  }
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_question_answers_nothing, Fixture) {
  const auto never = [](const AddressAnswer&) { BOOST_ERROR("a cancelled question answered"); };
  resolver->addresses("mx1.example.test", never).reset();
  run_for(loop, milliseconds(100));
  BOOST_TEST(addresses("mx1.example.test").status == Status::kOk);
  resolver->addresses("mx1.example.test", never).reset();  // answered from the cache, not delivered yet
  resolver->addresses("not a name", never).reset();
  run_for(loop, milliseconds(50));
}

BOOST_FIXTURE_TEST_CASE(a_callback_may_destroy_its_own_query_and_the_resolver, Fixture) {
  std::unique_ptr<Query> query;
  bool called = false;
  query = resolver->addresses("mx1.example.test", [&](const AddressAnswer&) {
    query.reset();
    resolver.reset();
    called = true;
  });
  BOOST_TEST(run_until(loop, [&] { return called; }));
}

BOOST_FIXTURE_TEST_CASE(the_resolver_may_go_before_its_questions_are_answered, Fixture) {
  std::vector<std::unique_ptr<Query>> queries;
  for (int i = 0; i < 20; ++i) {
    queries.push_back(resolver->mx("q" + std::to_string(i) + ".example.test", [](const MxAnswer&) {}));
  }
  loop.run_turn();
  resolver.reset();
  queries.clear();
  run_for(loop, milliseconds(50));
}

BOOST_FIXTURE_TEST_CASE(a_thousand_questions_at_once_are_all_answered, Fixture) {
  std::size_t answered = 0;
  std::vector<std::unique_ptr<Query>> queries;
  for (int i = 0; i < 1000; ++i) {
    queries.push_back(resolver->mx("q" + std::to_string(i) + ".example.test", [&](const MxAnswer& answer) {
      if (answer.status == Status::kNoName) ++answered;
    }));
  }
  BOOST_TEST(run_until(loop, [&] { return answered == 1000U; }));
}

BOOST_FIXTURE_TEST_CASE(a_silent_server_is_given_up_at_the_deadline_and_used_again_when_it_is_back, Fixture) {
  ResolverOptions options;
  options.servers = {nsd.address()};
  options.timeout = milliseconds(300);
  nsd.stop();
  // Somebody holds the port and says nothing.
  const int silent = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  BOOST_REQUIRE(::bind(silent, nsd.address().raw(), nsd.address().raw_length()) == 0);
  resolver = make_resolver(loop, options).value();
  const MonoTime begin = loop.now();
  const AddressAnswer answer = addresses("mx1.example.test");
  BOOST_TEST(answer.status == Status::kTemporary);
  BOOST_TEST(answer.problem.find("no answer within 300ms") != std::string::npos);
  BOOST_TEST(((loop.now() - begin) < std::chrono::seconds(15)));
  ::close(silent);
  nsd.start();
  bool back = false;
  for (int i = 0; i < 400 && !back; ++i) {
    back = addresses("mx2.example.test").status == Status::kOk;
    if (!back) run_for(loop, milliseconds(250));
  }
  BOOST_TEST(back);
}

BOOST_FIXTURE_TEST_CASE(a_dead_server_beside_a_living_one_does_no_harm, Fixture) {
  ResolverOptions options;
  options.servers = {net::SocketAddress::from_ip("127.0.0.1", test::free_port()).value(), nsd.address()};
  resolver = make_resolver(loop, options).value();
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST(mx("x" + std::to_string(i) + ".example.test").status == Status::kNoName);
  }
}

BOOST_FIXTURE_TEST_CASE(an_mx_lookup_works_on_the_real_resolver, Fixture) {
  std::optional<MxResult> result;
  MxLookup lookup(loop, *resolver, "example.test", {}, [&](MxResult r) { result = std::move(r); });
  BOOST_REQUIRE(run_until(loop, [&] { return result.has_value(); }));
  BOOST_TEST((result->status == MxStatus::kHosts));
  BOOST_TEST(result->key == "mx1.example.test;mx2.example.test");
  BOOST_REQUIRE(result->hosts.size() == 2U);
  BOOST_TEST(result->hosts[0].addresses.size() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
