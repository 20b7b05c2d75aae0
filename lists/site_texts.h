// What sites write, from the operator's side: scenarios, filters and templates of a list, a domain or the site. What is
// saved is checked as a whole first (a scenario with what it includes), so the one in force stays when a text is broken.
// Changes are requests like everybody's (requests/request.h). Each is one transaction and blocks on the database. Thread-safe
// as Database is.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "lists/admin.h"
#include "lists/requests/request.h"
#include "storage/text_store.h"

namespace essaim::lists {

// Where a text belongs: the list if it is named, else the domain, else the site.
struct TextPlace {
  std::string list;    // address; "" for none
  std::string domain;  // "" for none
};

// The list, or its domain alone (id 0), or the site (no domain either). kNotFound.
Result<storage::ListRecord> record_of(storage::Connection& connection, const TextPlace& place);

// The kind that a name given to `essaim scenario` has: a filter or a scenario.
storage::TextKind kind_of_scenario_file(const std::string& name);

// kInvalid: "send.mine, line 3, column 15: ..."
Result<void> check_text(storage::Connection& connection, const storage::ListRecord& place,
                        storage::TextKind kind, const std::string& name, const std::string& text);

// The filters that a stored scenario ("send.mine"; of include.* none) searches and that are on no level of the place: until
// they are, whoever is judged by such a rule is put off.
Result<std::vector<std::string>> missing_filters(storage::Connection& connection,
                                                 const storage::ListRecord& place, const std::string& file);

// What reject(tt2='...') or reject(reason='...') names in a scenario's text and has no words here: who is refused by it hears
// that no rule allows it, or the name as it stands.
std::vector<std::string> rejections_without_words(const std::string& name, const std::string& text);

// A filter that rules of a list search must be there, on some level; kConflict names a list that the place concerns and that
// is left without. The blocklist may be missing.
Result<void> check_searchers(storage::Connection& connection, const storage::ListRecord& place,
                             const std::string& filter);

// The scenario of a function must stay whole for every list that the place concerns and that uses it; kConflict names one
// for which it does not.
Result<void> check_users(storage::Connection& connection, const storage::ListRecord& place,
                         const std::string& file);

class SiteTexts {
 public:
  SiteTexts(storage::Database& database, const Clock& clock);
  SiteTexts(const SiteTexts&) = delete;
  SiteTexts& operator=(const SiteTexts&) = delete;

  Result<Change> set(const TextPlace& place, storage::TextKind kind, const std::string& name,
                     const std::string& text);
  // kConflict while a list's setting names a scenario that would be gone.
  Result<Change> remove(const TextPlace& place, storage::TextKind kind, const std::string& name);
  // The text in force there, with where it comes from: "list", "domain", "site", "shipped". kNotFound.
  struct Shown {
    std::string text, from;
  };
  Result<Shown> show(const TextPlace& place, storage::TextKind kind, const std::string& name);
  // Names with where they come from; shipped scenarios and our own messages among them.
  struct Named {
    std::string name, from, title;
  };
  Result<std::vector<Named>> names(const TextPlace& place, storage::TextKind kind);

  // Blocks addresses, domains (*@bad.example) and patterns in the filter blocklist.txt.
  Result<Change> block(const TextPlace& place, const std::string& pattern);
  Result<Change> unblock(const TextPlace& place, const std::string& pattern);

 private:
  // As the operator.
  Result<Change> ask(const TextPlace& place, Request request);
  storage::Database& database_;
  const Clock& clock_;
  Services services_;
};

}  // namespace essaim::lists
