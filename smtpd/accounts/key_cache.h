// The keys of the authorization server, fetched when they are needed and kept. A key id that is not among them has them fetched anew,
// but not more than once a minute, whoever asks: keys roll over, and anybody can invent ids. What was fetched serves for a day when the
// server is away.
//
// Thread-safe; held by shared_ptr. `done` is called once, on the caller's thread or that of the HTTP client; it must not block.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/http/http_client.h"
#include "smtpd/accounts/json_web_keys.h"

namespace essaim::smtpd {

class KeyCache : public std::enable_shared_from_this<KeyCache> {
 public:
  using Keys = std::shared_ptr<const JsonWebKeys>;
  using Done = std::function<void(Result<Keys>)>;
  using Fetch = std::function<void(http::HttpClient::Done)>;

  static constexpr Duration kFresh = std::chrono::hours(1);
  static constexpr Duration kGood = std::chrono::hours(24);
  static constexpr Duration kPause = std::chrono::minutes(1);

  // `fetch` asks the server; `clock` outlives this.
  KeyCache(const Clock& clock, Fetch fetch) : clock_(clock), fetch_(std::move(fetch)) {}

  void find(const std::string& algorithm, const std::string& key_id, Done done);

 private:
  void fetched(const Result<http::Response>& response);
  Result<Keys> best(MonoTime now) const;  // with mutex_

  const Clock& clock_;
  const Fetch fetch_;
  std::mutex mutex_;
  Keys keys_;
  MonoTime fetched_at_{}, asked_at_{};
  bool asked_ = false, asking_ = false;
  std::string trouble_;  // of the last fetch
  std::vector<Done> waiting_;
};

}  // namespace essaim::smtpd
