// The life of DKIM keys, for the command line and the job: made, published by the operator, seen in DNS, active,
// replaced, retired. Blocking; look-ups run on a loop of their own.
//
//   new      made; its record is to be published; it signs nothing
//   active   the record was seen; it signs
//   retired  an active key of the same kind has taken its place; its record stays kDkimOverlap, for mail under way
//
// Those of a domain that was deleted sign nothing, whatever they are, and are not made active.
//
// Keys of one database are made with one secret. Where the one at hand does not open a key, that key is never made active,
// nor is one that it opens put in its place: what signs for others would be lost by a secret that only this node has.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/dns/resolver.h"
#include "core/mailauth/answers.h"
#include "core/mailauth/keys.h"
#include "core/mailauth/sealed_key.h"
#include "core/net/event_loop.h"
#include "smtpd/settings/settings.h"
#include "storage/database.h"
#include "storage/dkim_store.h"
#include "storage/job_runner.h"

namespace essaim::smtpd::operate {

inline constexpr Duration kDkimOverlap = std::chrono::hours(24 * 7);  // longer than mail is tried

const char* to_string(storage::DkimKeyState state);

struct NewKey {
  std::string domain;
  std::string selector;  // "": made of the date and the kind
  mailauth::Algorithm algorithm = mailauth::Algorithm::kRsaSha256;
};
// kNotFound: the domain is none of ours; kExists; kInvalid: no selector; kConflict: the seal is another than that of the keys
// that there are.
Result<storage::DkimKeyRecord> create_key(storage::Database& database, const mailauth::KeySeal& seal,
                                          NewKey key, WallTime now);
// New keys of the kinds that the domain signs with. kNotFound: it has none; kConflict as above.
Result<std::vector<storage::DkimKeyRecord>> rotate_keys(storage::Database& database,
                                                        const mailauth::KeySeal& seal,
                                                        const std::string& domain, WallTime now);

// kConflict: it signs for a domain that there is; kNotFound. With `lost`, the seal of today, one that signs is deleted, too,
// if that does not open it: what it was made with is lost. kConflict: it does.
Result<void> delete_key(storage::Database& database, const std::string& domain, const std::string& selector,
                        const mailauth::KeySeal* lost = nullptr);

struct KeyCheck {
  storage::DkimKeyRecord key;  // as it is now
  bool published = false;
  bool unknown = false;    // the name servers did not answer
  std::string problem;     // "" if published
  bool activated = false;  // by this check
  std::string withheld;    // why it was not, though it is published
};
// What is at its name (TXT) says of a key. Pure; changes nothing.
KeyCheck compare_with_dns(const storage::DkimKeyRecord& key, const mailauth::Answer& answer);
// The answers to all names, in their order: asked together, so that silent servers cost one wait and not one each.
using TextLookup = std::function<std::vector<mailauth::Answer>(const std::vector<std::string>& names)>;
// Looks for the records of all keys of the domain ("": all); new ones that are there become active, and those of the
// same kind before them retired, if the seal opens them and all that sign for domains that there are.
Result<std::vector<KeyCheck>> check_keys(storage::Database& database,
                                         const std::optional<mailauth::KeySeal>& seal,
                                         const std::string& domain, const TextLookup& look_up, WallTime now);
// Whether there are new keys, and this seal lets none of them be made active, whatever DNS has: then another node had better look.
// False where that cannot be told.
bool makes_none_active(storage::Database& database, const std::optional<mailauth::KeySeal>& seal);
// Whether anybody still wants the answers: asked now and then while name servers are waited for, on the thread that waits;
// may block. Behind false, what is not known yet is a temporary error. Null: always.
using GoesOn = std::function<bool()>;
TextLookup dns_lookup(const Settings& settings, GoesOn goes_on = nullptr);
// One group after the other, of as many names as Answers takes. Runs the loop meanwhile.
std::vector<mailauth::Answer> look_up_texts(net::EventLoop& loop, dns::Resolver& resolver, Duration patience,
                                            const std::vector<std::string>& names,
                                            const GoesOn& goes_on = nullptr);

// "NAME IN TXT ( "..." "..." )" as for a zone file: strings of at most 255 octets.
std::string zone_record(const storage::DkimKeyRecord& key);

// Looks after new keys every few minutes, with the secret that is there when the job is made: a server's keys are opened
// with that one until it ends. Nodes whose secret makes none of them active let others go first; a run that could not make one
// active says so in the log ("dkim-key-waits").
storage::Job make_dkim_job(const Settings& settings, const Clock& clock);

}  // namespace essaim::smtpd::operate
