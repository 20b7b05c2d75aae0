// The MTA-STS policy that holds for a domain (RFC 8461): announced in the DNS, fetched over HTTPS, kept for its max_age
// in memory and in the database, where the other nodes find it.
//
//   TXT record                    kept and not expired?         -> what holds
//   same id as the kept one       yes                           the kept one (fetched anew once a day, or at half its age)
//   another id, or none kept      fetched                       the new one
//   another id                    yes, and fetching failed      the kept one (§5.1)
//   none, several, look-up fails  yes                           the kept one (§3.3: only its time ends it)
//   anything else                 no                            none, and why it could not be had
//
// A fetch that failed is not tried again for ten minutes, and not within a minute for another id either. Nobody waits for
// long until the policy host answers, or until its turn comes among others: what is kept holds then, and the fetch goes
// on. Thread-safe, but for find(): its lookup, resolver and callback belong to one loop. The database is asked in the
// background only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/dns/resolver.h"
#include "core/http/http_client.h"
#include "core/net/event_loop.h"
#include "delivery/tls/sts_policy.h"
#include "storage/database.h"

namespace essaim::delivery {

struct StsSettings {
  std::string ca_file;                          // who vouches for policy hosts; "": the system's
  std::uint16_t port = 443;                     // of policy hosts; tests change it
  Duration timeout = std::chrono::seconds(10);  // of one fetch
  bool ipv4 = true, ipv6 = true;                // the families of addresses to use
  // Of who asks, from the moment at which the policy host is known.
  Duration patience = std::chrono::seconds(11);
  friend bool operator==(const StsSettings&, const StsSettings&) = default;
};

struct StsAnswer {
  std::shared_ptr<const StsPolicy> policy;  // null: none holds
  std::string id;
  WallTime fetched{}, expires{};
  std::string trouble;       // why it could not be looked up or fetched now; may stand beside a kept policy
  std::string trouble_type;  // the same in the words of TLS-RPT (RFC 8460 §4.3.2.2)
  // It was not waited for, which is no trouble of the domain's (trouble_type is ""): soon there may be another answer.
  bool provisional = false;
};

// A look-up under way; destroying it cancels, then `done` is not called. What it fetches is kept all the same.
class StsQuery {
 public:
  virtual ~StsQuery() = default;
};

class StsPolicies {
 public:
  // Database and client outlive it. Without a database (null) policies are kept in memory only. No more than so many are
  // being fetched or wait for it.
  StsPolicies(storage::Database* database, const Clock& clock, http::HttpClient& client,
              std::size_t most_fetched = 1'000);
  ~StsPolicies();
  StsPolicies(const StsPolicies&) = delete;
  StsPolicies& operator=(const StsPolicies&) = delete;

  // What the database has. Blocking; before anything else.
  Result<void> load();
  // `done` comes once, on the loop, never from within the call.
  std::unique_ptr<StsQuery> find(net::EventLoop& loop, dns::Resolver& resolver, const std::string& domain,
                                 const StsSettings& settings, std::function<void(StsAnswer)> done);

 private:
  class State;
  class Lookup;
  std::shared_ptr<State> state_;
  http::HttpClient& client_;
};

}  // namespace essaim::delivery
