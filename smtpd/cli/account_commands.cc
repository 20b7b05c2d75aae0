// essaim account: who may log in to submit mail, and as whom.
#include <algorithm>

#include <CLI/CLI.hpp>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/sasl/login.h"
#include "core/sasl/password_hash.h"
#include "core/sasl/prepare.h"
#include "core/sasl/scram_verifier.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/password_input.h"
#include "smtpd/cli/site.h"
#include "storage/account_store.h"

namespace essaim::smtpd::cli {
namespace {

using storage::AccountRecord;
using storage::AccountStore;

constexpr std::size_t kShortest = 8;

struct Options {
  std::string name, may_relay, disabled;
  std::vector<std::string> addresses, add, remove;
  bool relay = false, no_password = false, no_scram = false, password = false;
};

std::string kind_of_password(const AccountRecord& account) {
  if (account.password.empty()) return "none";
  return account.password.starts_with("$y$") ? "yescrypt" : "of another kind";
}

Json as_json(const AccountRecord& account) {
  Json out;
  out["name"] = account.name;
  out["addresses"] = account.addresses;
  out["may_relay"] = account.may_relay;
  out["disabled"] = account.disabled;
  out["password"] = kind_of_password(account);
  out["scram"] = !account.scram.empty();
  out["created"] = format_iso8601(account.created);
  out["changed"] = format_iso8601(account.changed);
  return out;
}

Result<std::string> name_from(const std::string& text) {
  auto name = sasl::prepared_name(text);
  if (name) return *std::move(name);
  return Error{ErrorCode::kInvalid,
               "\"" + text + "\" cannot be the name of an account: one word of at most 255 octets"};
}

Result<std::vector<std::string>> owned(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts) {
    auto address = sasl::parse_owned_address(text);
    if (!address.ok()) return Error{ErrorCode::kInvalid, "\"" + text + "\": " + address.error().message};
    if (std::find(out.begin(), out.end(), *address) == out.end()) out.push_back(*std::move(address));
  }
  return out;
}

Result<void> set_password(AccountRecord* account, bool with_scram) {
  auto typed = read_password("Password for " + account->name);
  if (!typed.ok()) return typed.error();
  const auto password = sasl::prepared(*typed);
  if (!password)
    return Error{ErrorCode::kInvalid, "the password holds what passwords cannot hold (RFC 4013)"};
  if (password->size() < kShortest)
    return Error{ErrorCode::kInvalid,
                 "the password is too short: " + std::to_string(kShortest) + " characters at least"};
  auto hash = sasl::hash_password(*password);
  if (!hash.ok()) return hash.error();
  account->password = *std::move(hash);
  account->scram = with_scram ? sasl::format_scram_verifier(sasl::make_scram_verifier(*password)) : "";
  return {};
}

Result<AccountRecord> find(Site& site, const std::string& name) {
  return site.read([&](storage::Connection& connection) -> Result<AccountRecord> {
    auto account = AccountStore(connection).find(name);
    if (!account.ok()) return account.error();
    if (!account->has_value()) return Error{ErrorCode::kNotFound, "there is no account " + name};
    return **std::move(account);
  });
}

int list(const Shell& shell, Site& site) {
  const auto accounts =
      site.read([&](storage::Connection& connection) { return AccountStore(connection).all(); });
  if (!accounts.ok()) return shell.fail(accounts.error());
  if (shell.json) {
    Json out = Json::array();
    for (const AccountRecord& one : *accounts) out.push_back(as_json(one));
    return print_json(out);
  }
  Table table({"ACCOUNT", "MAY RELAY", "STATE", "ADDRESSES"});
  for (const AccountRecord& one : *accounts)
    table.add(
        {one.name, one.may_relay ? "yes" : "no", one.disabled ? "disabled" : "good", joined(one.addresses)});
  if (table.empty())
    print_line("no accounts yet; make one with: essaim account create NAME --address ADDRESS");
  else
    print(table.text());
  return kOk;
}

int show(const Shell& shell, Site& site, const Options& options) {
  auto name = name_from(options.name);
  if (!name.ok()) return shell.fail(name.error());
  auto account = find(site, *name);
  if (!account.ok()) return shell.fail(account.error());
  if (shell.json) return print_json(as_json(*account));
  print_line("account    " + for_display(account->name));
  print_line("addresses  " + for_display(joined(account->addresses)));
  print_line(std::string("may relay  ") + (account->may_relay ? "yes" : "no"));
  print_line(std::string("state      ") + (account->disabled ? "disabled" : "good"));
  print_line("password   " + kind_of_password(*account));
  print_line(std::string("scram      ") + (account->scram.empty() ? "no" : "yes"));
  print_line("created    " + show_time(account->created));
  print_line("changed    " + show_time(account->changed));
  return kOk;
}

void note(const char* verb, const AccountRecord& account, bool new_password) {
  log::info("account", {{"verb", verb},
                        {"name", account.name},
                        {"addresses", joined(account.addresses)},
                        {"may_relay", account.may_relay},
                        {"disabled", account.disabled},
                        {"password", new_password ? "new" : "as it was"}});
}

int create(const Shell& shell, Site& site, const Options& options) {
  auto name = name_from(options.name);
  if (!name.ok()) return shell.fail(name.error());
  AccountRecord account;
  account.name = *std::move(name);
  const bool itself = options.addresses.empty() && account.name.find('@') != std::string::npos;
  auto addresses = owned(itself ? std::vector<std::string>{account.name} : options.addresses);
  if (!addresses.ok()) return shell.fail(addresses.error());
  if (addresses->empty()) return shell.fail_usage("which address may it send as? --address ADDRESS");
  account.addresses = *std::move(addresses);
  account.may_relay = options.relay;
  account.created = account.changed = system_clock().wall_now();
  if (!options.no_password) {
    if (const auto set = set_password(&account, !options.no_scram); !set.ok()) return shell.fail(set.error());
  }
  const auto added = site.database().write_now(
      storage::Durability::kAccept,
      [&](storage::Connection& connection) { return AccountStore(connection).add(account); });
  if (!added.ok()) return shell.fail(added.error());
  note("create", account, !options.no_password);
  return shell.done("account " + for_display(account.name) + " created", json_text(as_json(account)));
}

Result<void> change_addresses(const Options& options, AccountRecord* account) {
  auto more = owned(options.add), fewer = owned(options.remove);
  if (!more.ok()) return more.error();
  if (!fewer.ok()) return fewer.error();
  for (const std::string& one : *fewer) {
    if (std::erase(account->addresses, one) == 0)
      return Error{ErrorCode::kNotFound, one + " is no address of " + account->name};
  }
  for (std::string& one : *more) {
    if (std::find(account->addresses.begin(), account->addresses.end(), one) == account->addresses.end())
      account->addresses.push_back(std::move(one));
  }
  return {};
}

bool nothing_named(const Options& o) {
  return !o.password && !o.no_scram && o.add.empty() && o.remove.empty() && o.may_relay.empty() &&
         o.disabled.empty();
}

bool same(const AccountRecord& a, const AccountRecord& b) {
  return a.addresses == b.addresses && a.password == b.password && a.scram == b.scram &&
         a.may_relay == b.may_relay && a.disabled == b.disabled;
}

int set(const Shell& shell, Site& site, const Options& options) {
  auto name = name_from(options.name);
  if (!name.ok()) return shell.fail(name.error());
  if (nothing_named(options))
    return shell.fail_usage(
        "what is to be changed? --password, --add-address, --remove-address, --may-relay, --disabled or "
        "--no-scram");
  auto account = find(site, *name);
  if (!account.ok()) return shell.fail(account.error());
  std::optional<AccountRecord> with_password;
  if (options.password) {
    with_password = *account;
    if (const auto done = set_password(&*with_password, !options.no_scram); !done.ok())
      return shell.fail(done.error());
  }
  AccountRecord changed;
  bool as_before = false;
  const auto written = site.database().write_now(
      storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
        AccountStore store(connection);
        auto now = store.find(*name);
        if (!now.ok()) return now.error();
        if (!now->has_value()) return Error{ErrorCode::kNotFound, "there is no account " + *name};
        changed = **now;
        if (with_password) {
          changed.password = with_password->password;
          changed.scram = with_password->scram;
        } else if (options.no_scram) {
          changed.scram.clear();
        }
        if (!options.may_relay.empty()) changed.may_relay = options.may_relay == "yes";
        if (!options.disabled.empty()) changed.disabled = options.disabled == "yes";
        ESSAIM_TRY(change_addresses(options, &changed));
        as_before = same(changed, **now);
        if (as_before) return {};
        changed.changed = system_clock().wall_now();
        return store.update(changed);
      });
  if (!written.ok()) return shell.fail(written.error());
  if (as_before) return shell.done("nothing changed", json_text(as_json(changed)));
  note("set", changed, with_password.has_value());
  return shell.done("account " + for_display(changed.name) + " changed", json_text(as_json(changed)));
}

int remove(const Shell& shell, Site& site, const Options& options) {
  auto name = name_from(options.name);
  if (!name.ok()) return shell.fail(name.error());
  const auto removed = site.database().write_now(
      storage::Durability::kAccept,
      [&](storage::Connection& connection) { return AccountStore(connection).remove(*name); });
  if (!removed.ok()) return shell.fail(removed.error());
  log::info("account", {{"verb", "delete"}, {"name", *name}});
  return shell.done("account " + for_display(*name) + " deleted", "{\"changed\":true}");
}

}  // namespace

void add_account(Shell& shell) {
  CLI::App* noun = shell.noun("account", "who may log in to submit mail, and as whom");
  auto o = std::make_shared<Options>();
  const auto verb = [&](const char* name, const char* help, const char* examples,
                        int (*run)(const Shell&, Site&, const Options&)) {
    return shell.verb(noun, name, help, examples, [&shell, o, run] {
      return with_site(shell, [&](Site& site) { return run(shell, site, *o); });
    });
  };
  const auto named = [&](CLI::App* app) {
    app->add_option("NAME", o->name, "as it is typed to log in")->required();
    return app;
  };
  // What it says of itself would stand behind "yes|no" in the help.
  const CLI::Validator yes_or_no = CLI::IsMember({"yes", "no"}).description("");

  verb("list", "the accounts", "  essaim account list",
       [](const Shell& s, Site& site, const Options&) { return list(s, site); });
  named(verb("show", "one account", "  essaim account show ann", show));
  CLI::App* made =
      named(verb("create", "make an account; its password is asked for, or read from standard input",
                 "  essaim account create ann --address ann@example.org\n"
                 "  essaim account create ann@example.org < password\n"
                 "  essaim account create app --address '*@app.example.org' --may-relay < password",
                 create));
  made->add_option("--address", o->addresses,
                   "that it may send as; repeat it for more, \"*@DOMAIN\" for all of a domain")
      ->type_name("ADDRESS");
  made->add_flag("--may-relay", o->relay, "it may send to everywhere, not only to the lists");
  made->add_flag("--no-password", o->no_password,
                 "for those who come by LDAP, by a token or with a certificate");
  made->add_flag("--no-scram", o->no_scram, "keep the hash of the password only: no SCRAM");
  CLI::App* changed = named(verb("set", "change an account; what is not named stays",
                                 "  essaim account set ann --password\n"
                                 "  essaim account set ann --add-address team@example.org --may-relay yes\n"
                                 "  essaim account set ann --disabled yes",
                                 set));
  changed->add_flag("--password", o->password, "a new one, asked for or read from standard input");
  changed->add_option("--add-address", o->add, "that it may send as, too")->type_name("ADDRESS");
  changed->add_option("--remove-address", o->remove, "that it may not any more")->type_name("ADDRESS");
  changed->add_option("--may-relay", o->may_relay, "whether it may send to everywhere")
      ->type_name("yes|no")
      ->check(yes_or_no);
  changed->add_option("--disabled", o->disabled, "whether it is locked out")
      ->type_name("yes|no")
      ->check(yes_or_no);
  changed->add_flag("--no-scram", o->no_scram, "forget what SCRAM needs");
  named(verb("delete", "forget an account", "  essaim account delete ann", remove));
}

}  // namespace essaim::smtpd::cli
