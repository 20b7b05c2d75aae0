#include "storage/directory_store.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "storage/list_rest.h"
#include "storage/node_store.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr const char* kChangesLock = "changes-lock";  // a value of the site that says nothing

// Values of the site, each the id of the list that had the name. By domain, so that those of one stand together.
constexpr const char* kFormerNames = "former-name:";
constexpr const char* kBehindFormerNames = "former-name;";

std::string former_names_in(const std::string& domain) {
  return kFormerNames + domain + "/";
}

std::string former_name(const std::string& local, const std::string& domain) {
  return former_names_in(domain) + local;
}

// "dev@lists.example.org", of what former_name() has made.
std::string former_address(const std::string& value_name) {
  const std::string name = value_name.substr(std::string_view(kFormerNames).size());
  const std::size_t slash = name.find('/');
  return name.substr(slash + 1) + "@" + name.substr(0, slash);
}

Id id_in(const std::string& value) {
  Id id = 0;
  std::from_chars(value.data(), value.data() + value.size(), id);
  return id;
}

constexpr std::string_view kListColumns =
    "SELECT l.id, l.domain_id, l.local, d.name, l.state, l.revision, l.settings, d.settings, l.created, "
    "l.policy, d.policy "
    "FROM list l JOIN domain d ON d.id = l.domain_id ";

// `before`: one that was read before it, whose domain may be the same; null: none.
Result<ListRecord> list_behind(Statement& row, const ListRecord* before) {
  ListRecord list;
  list.id = row.integer(0);
  list.domain_id = row.integer(1);
  list.local = sql::text(row, 2);
  list.domain = sql::text(row, 3);
  list.state = row.integer(4) == 0 ? ListState::kOpen : ListState::kClosed;
  list.revision = row.integer(5);
  list.created = sql::time(row, 8);
  list.policy = row.integer(9);
  list.domain_policy = row.integer(10);
  auto own = sql::decode_settings(row.text(6));
  if (!own.ok()) return Error{own.error().code, "list " + list.address() + ": " + own.error().message};
  list.settings = std::move(*own);
  list.settings_text = sql::text(row, 6);
  list.domain_settings_text = sql::text(row, 7);
  if (before != nullptr && before->domain_id == list.domain_id &&
      before->domain_settings_text == list.domain_settings_text) {
    list.domain_settings = before->domain_settings;
    return list;
  }
  auto of_domain = sql::decode_settings(row.text(7));
  if (!of_domain.ok())
    return Error{of_domain.error().code, "domain " + list.domain + ": " + of_domain.error().message};
  list.domain_settings = std::move(*of_domain);
  return list;
}

Result<ListRecord> list_from(Statement& row) {
  return list_behind(row, nullptr);
}

Result<std::vector<ListRecord>> all_lists(const Result<Statement*>& statement) {
  std::vector<ListRecord> lists;
  const auto read = sql::each(statement, [&lists](Statement& row) -> Result<void> {
    auto list = list_behind(row, lists.empty() ? nullptr : &lists.back());
    if (!list.ok()) return list.error();
    lists.push_back(std::move(*list));
    return {};
  });
  if (!read.ok()) return read.error();
  return lists;
}

Result<DomainRecord> domain_from(Statement& row) {
  DomainRecord domain;
  domain.id = row.integer(0);
  domain.name = sql::text(row, 1);
  domain.created = sql::time(row, 3);
  domain.policy = row.integer(4);
  auto settings = sql::decode_settings(row.text(2));
  if (!settings.ok())
    return Error{settings.error().code, "domain " + domain.name + ": " + settings.error().message};
  domain.settings = std::move(*settings);
  return domain;
}

Result<void> one_matched(const Result<std::int64_t>& matched, const std::string& what) {
  if (!matched.ok()) return matched.error();
  if (matched.value() == 0) return Error{ErrorCode::kNotFound, "no such " + what};
  return {};
}

Result<void> renamed_exists(const Result<std::int64_t>& inserted, const std::string& what) {
  if (inserted.ok()) return {};
  if (inserted.error().code == ErrorCode::kExists) return Error{ErrorCode::kExists, what + " exists already"};
  return inserted.error();
}

}  // namespace

Result<void> DirectoryStore::add_domain(const DomainRecord& domain) {
  return renamed_exists(
      sql::run(connection_, "INSERT INTO domain (id, name, settings, created) VALUES (?, ?, ?, ?)", domain.id,
               domain.name, sql::encode_settings(domain.settings), domain.created),
      "domain " + domain.name);
}

Result<void> DirectoryStore::set_domain(const std::string& name,
                                        const std::map<std::string, std::string>& settings) {
  return one_matched(sql::run(connection_, "UPDATE domain SET settings = ? WHERE name = ?",
                              sql::encode_settings(settings), name),
                     "domain: " + name);
}

Result<void> DirectoryStore::delete_domain(const std::string& name) {
  // No list comes into it meanwhile.
  ESSAIM_TRY(SiteStore(connection_).lock_changes());
  auto used = count_lists(name);
  if (!used.ok()) return used.error();
  if (*used > 0) {
    return Error{ErrorCode::kConflict,
                 "domain " + name + " has " + std::to_string(*used) + " lists: delete them first"};
  }
  ESSAIM_TRY(sql::run(
      connection_, "DELETE FROM site_text WHERE owner_id IN (SELECT id FROM domain WHERE name = ?)", name));
  std::string behind = former_names_in(name);
  behind.back() = '0';  // which comes behind the slash
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM site_value WHERE name > ? AND name < ?",
                      former_names_in(name), behind));
  return one_matched(sql::run(connection_, "DELETE FROM domain WHERE name = ?", name), "domain: " + name);
}

Result<std::optional<DomainRecord>> DirectoryStore::find_domain(const std::string& name) {
  return sql::row(sql::prepare(connection_,
                               "SELECT id, name, settings, created, policy FROM domain WHERE name = ?", name),
                  domain_from);
}

Result<bool> DirectoryStore::any_domain() {
  auto found = sql::number(connection_, 0, "SELECT COUNT(*) FROM (SELECT 1 FROM domain LIMIT 1) d");
  if (!found.ok()) return found.error();
  return *found > 0;
}

Result<std::vector<DomainRecord>> DirectoryStore::domains() {
  return sql::rows(
      connection_.prepare("SELECT id, name, settings, created, policy FROM domain ORDER BY name"),
      domain_from);
}

Result<void> DirectoryStore::add_list(const ListRecord& list) {
  // The domain does not go meanwhile: a list in no domain would be nowhere, and nobody could delete it.
  ESSAIM_TRY(SiteStore(connection_).lock_changes());
  auto known = sql::number(connection_, 0, "SELECT COUNT(*) FROM domain WHERE id = ?", list.domain_id);
  if (!known.ok()) return known.error();
  if (*known == 0) return Error{ErrorCode::kNotFound, "no such domain: " + list.domain};
  ESSAIM_TRY(renamed_exists(sql::run(connection_,
                                     "INSERT INTO list (id, domain_id, local, state, revision, settings, "
                                     "created) VALUES (?, ?, ?, ?, ?, ?, ?)",
                                     list.id, list.domain_id, list.local, list.state, list.revision,
                                     sql::encode_settings(list.settings), list.created),
                            "list " + list.address()));
  // Mail to it is this one's, also when it is deleted one day.
  const auto forgotten = forget_name(list.local, list.domain);
  if (!forgotten.ok()) return forgotten.error();
  // Of an earlier list: one that was renamed, or for which posts waited when it was deleted.
  const auto ended = SuspensionStore(connection_).end_with_name(list.address());
  return ended.ok() ? Result<void>() : ended.error();
}

Result<void> DirectoryStore::set_list(Id list_id, const std::map<std::string, std::string>& settings) {
  return one_matched(sql::run(connection_, "UPDATE list SET settings = ? WHERE id = ?",
                              sql::encode_settings(settings), list_id),
                     "list: " + std::to_string(list_id));
}

Result<void> DirectoryStore::rename_list(Id list_id, const std::string& local, Id domain_id) {
  const auto before = find_list_by_id(list_id);
  if (!before.ok()) return before.error();
  if (!before->has_value()) return Error{ErrorCode::kNotFound, "no such list: " + std::to_string(list_id)};
  const ListRecord& old = **before;
  ESSAIM_TRY(renamed_exists(sql::run(connection_, "UPDATE list SET local = ?, domain_id = ? WHERE id = ?",
                                     local, domain_id == 0 ? old.domain_id : domain_id, list_id),
                            "list " + local));
  const auto after = find_list_by_id(list_id);
  if (!after.ok()) return after.error();
  if (!after->has_value()) return Error{ErrorCode::kNotFound, "no such domain: " + std::to_string(domain_id)};
  const std::string address = (*after)->address();
  if (address == old.address()) return {};
  ESSAIM_TRY(rename_rows(connection_, list_id, old.address(), address));
  ESSAIM_TRY(forget_name((*after)->local, (*after)->domain));
  // As for a list that is made: that of an earlier one.
  ESSAIM_TRY(SuspensionStore(connection_).end_with_name(address));
  return add_former_name(list_id, old.local, old.domain);
}

Result<std::vector<std::string>> DirectoryStore::former_names(Id list_id) {
  return sql::rows(
      sql::prepare(connection_,
                   "SELECT name FROM site_value WHERE name > ? AND name < ? AND value = ? ORDER BY name",
                   kFormerNames, kBehindFormerNames, sql::Blob{std::to_string(list_id)}),
      [](Statement& row) { return former_address(sql::text(row, 0)); });
}

Result<std::map<Id, std::vector<std::string>>> DirectoryStore::all_former_names() {
  const auto statement = sql::prepare(
      connection_, "SELECT name, value FROM site_value WHERE name > ? AND name < ? ORDER BY name",
      kFormerNames, kBehindFormerNames);
  std::map<Id, std::vector<std::string>> out;
  ESSAIM_TRY(sql::each(statement, [&out](Statement& row) {
    out[id_in(sql::text(row, 1))].push_back(former_address(sql::text(row, 0)));
  }));
  return out;
}

Result<void> DirectoryStore::add_former_name(Id list_id, const std::string& local,
                                             const std::string& domain) {
  return SiteStore(connection_).set(former_name(local, domain), std::to_string(list_id));
}

Result<bool> DirectoryStore::forget_name(const std::string& local, const std::string& domain) {
  const auto gone =
      sql::run(connection_, "DELETE FROM site_value WHERE name = ?", former_name(local, domain));
  if (!gone.ok()) return gone.error();
  return *gone > 0;
}

Result<void> DirectoryStore::set_list_state(Id list_id, ListState state) {
  return one_matched(sql::run(connection_, "UPDATE list SET state = ? WHERE id = ?", state, list_id),
                     "list: " + std::to_string(list_id));
}

Result<void> DirectoryStore::delete_list(Id list_id, WallTime now, const std::string& by,
                                         const std::map<std::string, std::string>& about) {
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM site_text WHERE owner_id = ?", list_id));
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM digest WHERE list_id = ?",
                      list_id));  // what waits for one: lists/digests/job.h
  ESSAIM_TRY(decline_waiting(connection_, list_id, now, by, about));
  const auto list = find_list_by_id(list_id);
  if (!list.ok()) return list.error();
  auto names = former_names(list_id);
  if (!names.ok()) return names.error();
  if (list->has_value()) names->push_back((*list)->address());
  for (const std::string& name : *names) {
    const auto ended = SuspensionStore(connection_).end_with_name(name);
    if (!ended.ok()) return ended.error();
  }
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM site_value WHERE name > ? AND name < ? AND value = ?",
                      kFormerNames, kBehindFormerNames, sql::Blob{std::to_string(list_id)}));
  return one_matched(sql::run(connection_, "DELETE FROM list WHERE id = ?", list_id),
                     "list: " + std::to_string(list_id));
}

Result<std::optional<ListRecord>> DirectoryStore::find_list(const std::string& local,
                                                            const std::string& domain) {
  return sql::row(sql::prepare(connection_, std::string(kListColumns) + "WHERE d.name = ? AND l.local = ?",
                               domain, local),
                  list_from);
}

Result<std::optional<ListRecord>> DirectoryStore::find_list_or_former(const std::string& local,
                                                                      const std::string& domain) {
  auto list = find_list(local, domain);
  if (!list.ok() || list->has_value()) return list;
  const auto value = SiteStore(connection_).get(former_name(local, domain));
  if (!value.ok()) return value.error();
  if (!value->has_value()) return std::optional<ListRecord>();
  return find_list_by_id(id_in(**value));
}

Result<std::optional<ListRecord>> DirectoryStore::find_list_by_id(Id list_id) {
  return sql::row(sql::prepare(connection_, std::string(kListColumns) + "WHERE l.id = ?", list_id),
                  list_from);
}

Result<std::int64_t> DirectoryStore::revision_if_same(const ListRecord& list) {
  auto statement =
      sql::prepare(connection_,
                   "SELECT l.revision, l.state, l.settings, d.settings, l.policy, d.policy, l.domain_id "
                   "FROM list l JOIN domain d ON d.id = l.domain_id WHERE l.id = ?",
                   list.id);
  if (!statement.ok()) return statement.error();
  Statement& row = **statement;
  auto found = row.step();
  if (!found.ok()) return found.error();
  if (!*found || row.integer(1) != static_cast<std::int64_t>(list.state) || row.integer(4) != list.policy ||
      row.integer(5) != list.domain_policy || row.integer(6) != list.domain_id)
    return std::int64_t{0};
  const auto same = [&row](int column, const std::string& as_read,
                           const std::map<std::string, std::string>& known) -> Result<bool> {
    if (row.text(column) == as_read) return true;
    auto stored = sql::decode_settings(row.text(column));
    if (!stored.ok()) return stored.error();
    return *stored == known;
  };
  for (const auto& answer : {same(2, list.settings_text, list.settings),
                             same(3, list.domain_settings_text, list.domain_settings)}) {
    if (!answer.ok()) return answer.error();
    if (!*answer) return std::int64_t{0};
  }
  return row.integer(0);
}

Result<std::int64_t> DirectoryStore::revision(Id list_id) {
  return sql::number(connection_, 0, "SELECT revision FROM list WHERE id = ?", list_id);
}

Result<std::map<Id, std::int64_t>> DirectoryStore::revisions(std::span<const Id> lists) {
  constexpr std::size_t kTogether = 32;
  std::string text = "SELECT id, revision FROM list WHERE id IN (?";
  for (std::size_t i = 1; i < kTogether; ++i) text += ", ?";
  std::map<Id, std::int64_t> found;
  while (!lists.empty()) {
    const auto some = lists.first(std::min(lists.size(), kTogether));
    lists = lists.subspan(some.size());
    auto statement = connection_.prepare(text + ")");
    if (!statement.ok()) return statement.error();
    for (std::size_t i = 0; i < kTogether; ++i)  // the last fills the rest: IN does not mind
      (*statement)->bind(static_cast<int>(i) + 1, some[std::min(i, some.size() - 1)]);
    ESSAIM_TRY(sql::each(statement, [&found](Statement& row) { found[row.integer(0)] = row.integer(1); }));
  }
  return found;
}

Result<std::vector<ListRecord>> DirectoryStore::lists(const std::string& domain) {
  const std::string columns(kListColumns);
  if (domain.empty()) return all_lists(sql::prepare(connection_, columns + "ORDER BY d.name, l.local"));
  return all_lists(sql::prepare(connection_, columns + "WHERE d.name = ? ORDER BY l.local", domain));
}

Result<std::vector<ListRecord>> DirectoryStore::some_lists(const std::string& domain,
                                                           const std::string& after, std::size_t limit) {
  return all_lists(sql::prepare(
      connection_, std::string(kListColumns) + "WHERE d.name = ? AND l.local > ? ORDER BY l.local LIMIT ?",
      domain, after, limit));
}

Result<void> DirectoryStore::for_each_list(const std::string& domain,
                                           const std::function<Result<void>(ListRecord&)>& each) {
  constexpr std::size_t kAtOnce = 500;
  std::vector<std::string> names(1, domain);
  if (domain.empty()) {
    names.clear();
    const auto all = domains();
    if (!all.ok()) return all.error();
    for (const DomainRecord& one : *all) names.push_back(one.name);
  }
  for (const std::string& name : names) {
    std::string after;
    for (std::size_t count = kAtOnce; count == kAtOnce;) {
      auto some = some_lists(name, after, kAtOnce);
      if (!some.ok()) return some.error();
      count = some->size();
      if (count > 0) after = some->back().local;
      for (ListRecord& list : *some) ESSAIM_TRY(each(list));
    }
  }
  return {};
}

Result<std::vector<ListName>> DirectoryStore::list_names(const std::string& domain) {
  const std::string columns = "SELECT l.id, l.local, d.name FROM list l JOIN domain d ON d.id = l.domain_id ";
  const auto statement =
      domain.empty() ? sql::prepare(connection_, columns + "ORDER BY d.name, l.local")
                     : sql::prepare(connection_, columns + "WHERE d.name = ? ORDER BY l.local", domain);
  return sql::rows(statement, [](Statement& row) {
    return ListName{row.integer(0), sql::text(row, 1), sql::text(row, 2)};
  });
}

Result<std::int64_t> DirectoryStore::count_lists(const std::string& domain) {
  return sql::number(connection_, 0,
                     "SELECT COUNT(*) FROM list l JOIN domain d ON d.id = l.domain_id WHERE d.name = ?",
                     domain);
}

Result<std::optional<std::string>> SiteStore::get(const std::string& name) {
  return sql::row(sql::prepare(connection_, "SELECT value FROM site_value WHERE name = ?", name),
                  [](Statement& row) { return sql::text(row, 0); });
}

Result<void> SiteStore::set_if_missing(const std::string& name, std::string_view value) {
  ESSAIM_TRY(sql::run(connection_,
                      std::string(connection_.insert_ignore()) + " site_value (name, value) VALUES (?, ?)",
                      name, sql::Blob{value}));
  return {};
}

Result<void> SiteStore::set(const std::string& name, std::string_view value) {
  auto changed =
      sql::run(connection_, "UPDATE site_value SET value = ? WHERE name = ?", sql::Blob{value}, name);
  if (!changed.ok()) return changed.error();
  if (*changed > 0) return {};
  ESSAIM_TRY(
      sql::run(connection_, "INSERT INTO site_value (name, value) VALUES (?, ?)", name, sql::Blob{value}));
  return {};
}

Result<void> SiteStore::lock_changes() {
  if (connection_.dialect() == Dialect::kSqlite) return {};
  // Another value each time: of a row that stays as it is, the other hosts of a cluster hear nothing.
  const auto lock = [this] {
    return sql::run(connection_, "UPDATE site_value SET value = UUID() WHERE name = ?", kChangesLock);
  };
  auto locked = lock();
  if (!locked.ok()) return locked.error();
  if (*locked > 0) return {};
  ESSAIM_TRY(set_if_missing(kChangesLock, ""));
  ESSAIM_TRY(lock());
  return {};
}

}  // namespace essaim::storage
