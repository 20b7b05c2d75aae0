// When the keys of the authorization server are fetched, and what serves while it is away.
#include <boost/test/unit_test.hpp>

#include "smtpd/accounts/key_cache.h"

using namespace essaim;
using namespace essaim::smtpd;
using namespace std::chrono_literals;

namespace {

constexpr const char* kKey =
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":")";

struct Cache {
  std::shared_ptr<KeyCache> cache = std::make_shared<KeyCache>(clock, [this](http::HttpClient::Done done) {
    ++fetches;
    pending = std::move(done);
  });

  // "keys", "454", "waits"
  std::string find(const std::string& id) {
    auto answer = std::make_shared<std::string>("waits");
    cache->find("EdDSA", id,
                [answer](const Result<KeyCache::Keys>& keys) { *answer = keys.ok() ? "keys" : "454"; });
    last = answer;
    return *answer;
  }
  void publish(const std::string& id) {
    answer(http::Response{200, "application/json", std::string("{\"keys\":[") + kKey + id + "\"}]}"});
  }
  void answer(Result<http::Response> response) {
    BOOST_REQUIRE(pending);
    std::exchange(pending, nullptr)(std::move(response));
  }

  ManualClock clock;
  int fetches = 0;
  http::HttpClient::Done pending;
  std::shared_ptr<std::string> last;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(key_cache)

BOOST_AUTO_TEST_CASE(keys_are_fetched_once_for_all_who_wait_and_kept_for_an_hour) {
  Cache one;
  BOOST_TEST(one.find("a") == "waits");
  const auto first = one.last;
  BOOST_TEST(one.find("a") == "waits");
  BOOST_TEST(one.fetches == 1);
  one.publish("a");
  BOOST_TEST(*first == "keys");
  BOOST_TEST(*one.last == "keys");
  one.clock.advance(59min);
  BOOST_TEST(one.find("a") == "keys");
  BOOST_TEST(one.fetches == 1);
  one.clock.advance(1min);
  BOOST_TEST(one.find("a") == "waits");
  BOOST_TEST(one.fetches == 2);
}

BOOST_AUTO_TEST_CASE(an_id_that_is_not_known_has_them_fetched_anew_once_a_minute_at_most) {
  Cache one;
  one.find("a");
  one.publish("a");
  BOOST_TEST(one.find("b") == "keys");  // those there are: the token is refused by them
  BOOST_TEST(one.fetches == 1);
  one.clock.advance(1min);
  BOOST_TEST(one.find("b") == "waits");
  one.publish("b");
  BOOST_TEST(*one.last == "keys");
  BOOST_TEST(one.fetches == 2);
  for (int i = 0; i < 100; ++i) BOOST_TEST(one.find("invented" + std::to_string(i)) == "keys");
  BOOST_TEST(one.fetches == 2);
}

BOOST_AUTO_TEST_CASE(what_was_fetched_serves_for_a_day_when_the_server_is_away) {
  Cache one;
  BOOST_TEST(one.find("a") == "waits");
  one.answer(Error{ErrorCode::kTemporary, "id.test: timed out"});
  BOOST_TEST(*one.last == "454");
  BOOST_TEST(one.find("a") == "454");  // within the minute nobody is asked
  BOOST_TEST(one.fetches == 1);
  one.clock.advance(1min);
  one.find("a");
  one.publish("a");
  one.clock.advance(23h);
  BOOST_TEST(one.find("a") == "waits");
  one.answer(http::Response{503, "text/html", "busy"});
  BOOST_TEST(*one.last == "keys");
  one.clock.advance(1h);
  one.find("a");
  one.answer(http::Response{200, "text/html", "<html>"});
  BOOST_TEST(*one.last == "454");
}

BOOST_AUTO_TEST_SUITE_END()
