// Domains and lists. Functions run inside the caller's transaction.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

struct ListName {
  Id id = 0;
  std::string local, domain;
  std::string address() const { return local + "@" + domain; }
};

class DirectoryStore {
 public:
  explicit DirectoryStore(Connection& connection) : connection_(connection) {}

  Result<void> add_domain(const DomainRecord& domain);  // kExists
  Result<void> set_domain(const std::string& name,
                          const std::map<std::string, std::string>& settings);  // replaces all
  // kConflict while it has lists, kNotFound. Of two at once that delete a domain and make a list in it one fails.
  Result<void> delete_domain(const std::string& name);
  Result<std::optional<DomainRecord>> find_domain(const std::string& name);
  Result<std::vector<DomainRecord>> domains();
  Result<bool> any_domain();

  Result<void> add_list(const ListRecord& list);  // kNotFound: there is no domain of domain_id; kExists
  Result<void> set_list(Id list_id, const std::map<std::string, std::string>& settings);  // replaces all
  // In its own domain (`domain_id` 0) or in another one; kExists, kNotFound. What waits, and who has left, is found under the new
  // name from then on, very many of them soon (list_rest.h); the ledger keeps the one of its time. The old one stays its former name until a list is called so, its
  // domain or the list itself is deleted, or it is forgotten.
  Result<void> rename_list(Id list_id, const std::string& local, Id domain_id = 0);
  Result<std::vector<std::string>> former_names(Id list_id);  // addresses
  // Of all lists that have any.
  Result<std::map<Id, std::vector<std::string>>> all_former_names();
  // Where another list had the name it is this one's from then on. The caller looks whether a list is called so.
  Result<void> add_former_name(Id list_id, const std::string& local, const std::string& domain);
  // False: it was none's former name.
  Result<bool> forget_name(const std::string& local, const std::string& domain);
  Result<void> set_list_state(Id list_id, ListState state);
  // What waits there is declined in the name of `by`, very much of it soon (list_rest.h); posts stay in the ledger under the list's address, and what
  // was accepted goes out. Its members go later, in steps (MemberStore::purge_deleted_list), however many they are.
  // `about` goes with what is left to do. Its suspension ends (SuspensionStore::end_with_name).
  Result<void> delete_list(Id list_id, WallTime now, const std::string& by,
                           const std::map<std::string, std::string>& about = {});
  Result<std::optional<ListRecord>> find_list(const std::string& local, const std::string& domain);
  // The same; where no list is called so, the one that was.
  Result<std::optional<ListRecord>> find_list_or_former(const std::string& local, const std::string& domain);
  Result<std::optional<ListRecord>> find_list_by_id(Id list_id);
  // The list's revision now, if its domain, state and settings are still as in `list`; 0 if they are not, or it is gone.
  Result<std::int64_t> revision_if_same(const ListRecord& list);
  Result<std::int64_t> revision(Id list_id);                                // 0 if there is no such list
  Result<std::map<Id, std::int64_t>> revisions(std::span<const Id> lists);  // of those that there are
  Result<std::vector<ListRecord>> lists(const std::string& domain);         // "" for all
  // The next `limit` of a domain whose local part is behind `after`, in their order; "": the first.
  Result<std::vector<ListRecord>> some_lists(const std::string& domain, const std::string& after,
                                             std::size_t limit);
  // One after the other, some read at once: they may be tens of thousands, each with the settings of its domain. Between them
  // `each` may ask the database. "" for all.
  Result<void> for_each_list(const std::string& domain, const std::function<Result<void>(ListRecord&)>& each);
  // Without their settings, which are nearly all that there is of them; "" for all.
  Result<std::vector<ListName>> list_names(const std::string& domain);
  Result<std::int64_t> count_lists(const std::string& domain);

 private:
  Connection& connection_;
};

// Keys and other small values of the site, the same for all nodes: "mac-key", ... Created on first use.
class SiteStore {
 public:
  explicit SiteStore(Connection& connection) : connection_(connection) {}
  Result<std::optional<std::string>> get(const std::string& name);
  Result<void> set(const std::string& name, std::string_view value);
  // Unless there is one already. Of several nodes that do so at once one has its way, which get() tells after the commit.
  Result<void> set_if_missing(const std::string& name, std::string_view value);
  // Before settings, texts or keys, or which domains and lists there are, is read in the transaction that changes them: of two at
  // once the second waits, and reads what the first has made of them. (At another host of a cluster it is undone by the first, and
  // runs again.) A file has one writer.
  Result<void> lock_changes();

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
