// What sites write (storage/text_store.h), compiled and kept: scenarios, filters, templates. Kept by the `policy` marks
// that a list's record bears, so nothing is read again until somebody changes something, on whatever node. A scenario or filter
// that is missing and a text that cannot be read (it came from another version, or out of a backup) are kTemporary, and the
// log names them: nobody is let in or refused by a slip.
//
// Thread-safe. Without a connection only what is kept can be had; kConflict says that the database has to be asked.
#pragma once

#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lists/scenario/filter.h"
#include "lists/scenario/scenario.h"
#include "lists/scenario/source_filter.h"
#include "storage/database.h"
#include "storage/records.h"
#include "storage/text_store.h"

namespace essaim::lists {

// The name of the scenario that decides a function for the list: its setting, its domain's, the default.
std::string scenario_name(const storage::ListRecord& list, std::string_view function);
// Whether the blocklist comes first for a function (setting use_blocklist).
bool uses_blocklist(const storage::ListRecord& list, std::string_view function);

inline storage::TextScope scope_of(const storage::ListRecord& list) {
  return {list.id, list.domain_id};
}

// Whose texts are its own: the list's, the domain's (id 0), the site's.
inline Id owner_of(const storage::ListRecord& place) {
  return place.id != 0 ? place.id : place.domain_id;
}

class Policies {
 public:
  using ScenarioPtr = std::shared_ptr<const scenario::Scenario>;

  // In force for the list (id 0: for its domain alone).
  Result<ScenarioPtr> scenario(storage::Connection* connection, const storage::ListRecord& list,
                               std::string_view function);
  // The sum of the levels' filters; null: it is the blocklist, and there is none.
  Result<std::shared_ptr<const scenario::TextFilter>> filter(storage::Connection* connection,
                                                             const storage::ListRecord& list,
                                                             const std::string& name);
  // The nearest filter that asks others; never null.
  Result<std::shared_ptr<const scenario::SourceFilter>> source(storage::Connection* connection,
                                                               const storage::ListRecord& list,
                                                               const std::string& name);
  // The nearest template of the name; null: none.
  Result<std::shared_ptr<const std::string>> text(storage::Connection* connection,
                                                  const storage::ListRecord& list, const std::string& name);

 private:
  using Entry = std::shared_ptr<const void>;
  std::string key(const storage::ListRecord& list, char kind, std::string_view name) const;
  bool find(const std::string& key, Entry* out) const;
  void keep(const std::string& key, Entry entry);

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Entry> kept_;
};

// Compiles by the search order list -> domain -> site -> shipped, as scenario::compile does; for checking what is saved,
// `instead` stands for one of the files.
struct TextInstead {
  std::string file, text;
};
Result<std::shared_ptr<const scenario::Scenario>> compile_for(storage::Connection& connection,
                                                              const storage::ListRecord& list,
                                                              const std::string& function,
                                                              const std::string& name, bool strict,
                                                              const TextInstead* instead = nullptr);

}  // namespace essaim::lists
