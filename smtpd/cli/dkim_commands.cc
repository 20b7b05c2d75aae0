// essaim dkim: the keys that sign what goes out.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "core/base/log.h"
#include "core/smtp/idn.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/operate/dkim_keys.h"
#include "smtpd/operate/key_ring.h"
#include "smtpd/operate/user.h"

namespace essaim::smtpd::cli {
namespace {

using operate::KeyCheck;
using storage::DkimKeyRecord;
using storage::DkimKeyState;

struct Arguments {
  std::string domain, selector, algorithm = "rsa";
  bool zone = false;
};

Json as_json(const DkimKeyRecord& key) {
  Json out;
  out["domain"] = key.domain;
  out["selector"] = key.selector;
  out["algorithm"] = key.algorithm;
  out["state"] = operate::to_string(key.state);
  out["created"] = format_iso8601(key.created);
  out["changed"] = format_iso8601(key.changed);
  out["name"] = key.selector + "._domainkey." + key.domain;
  out["record"] = key.record;
  return out;
}

Json as_json(const std::vector<DkimKeyRecord>& keys) {
  Json out = Json::array();
  for (const DkimKeyRecord& key : keys) out.push_back(as_json(key));
  return out;
}

Result<std::vector<DkimKeyRecord>> keys_of(Site& site, const std::string& domain) {
  std::vector<DkimKeyRecord> out;
  ESSAIM_TRY(site.read([&](storage::Connection& connection) -> Result<void> {
    auto keys = storage::DkimStore(connection).keys(domain);
    if (!keys.ok()) return keys.error();
    out = *std::move(keys);
    return {};
  }));
  return out;
}

Result<mailauth::KeySeal> seal_of(Site& site) {
  auto seal = operate::open_seal(site.settings());
  if (!seal.ok()) return seal.error();
  ESSAIM_TRY(operate::require_private(site.settings().authentication.key_file, site.settings().user));
  if (!seal->has_value())
    return Error{ErrorCode::kInvalid,
                 "there is no secret to seal keys with: set \"authentication.key_file\" to a file that has "
                 "it (install -g essaim -m 0640 /dev/null FILE; head -c 32 /dev/urandom | base64 > FILE). "
                 "Where the service has it as the credential dkim-secret: this shell has no such credential, "
                 "and systemd-run --pipe --wait -p LoadCredential=dkim-secret:FILE essaim ... gives it one"};
  return **seal;
}

void note(const char* verb, const std::string& domain, const std::string& selector) {
  log::info("dkim-key", {{"verb", verb}, {"domain", domain}, {"selector", selector}});
}

int say_new(const Shell& shell, const std::vector<DkimKeyRecord>& keys) {
  for (const DkimKeyRecord& key : keys) note("create", key.domain, key.selector);
  if (shell.json) return print_json(as_json(keys));
  print_line("publish, then it signs as soon as it is seen there (essaim dkim check):");
  for (const DkimKeyRecord& key : keys) print_line(operate::zone_record(key));
  return kOk;
}

int create(const Shell& shell, Site& site, const Arguments& a) {
  operate::NewKey key{a.domain, a.selector, mailauth::Algorithm::kRsaSha256};
  if (a.algorithm == "ed25519") {
    key.algorithm = mailauth::Algorithm::kEd25519Sha256;
  } else if (a.algorithm != "rsa") {
    return shell.fail_usage("--algorithm: \"" + a.algorithm + "\" is neither rsa nor ed25519");
  }
  auto seal = seal_of(site);
  if (!seal.ok()) return shell.fail(seal.error());
  auto made = operate::create_key(site.database(), *seal, key, system_clock().wall_now());
  if (!made.ok()) return shell.fail(made.error());
  return say_new(shell, {*made});
}

int rotate(const Shell& shell, Site& site, const Arguments& a) {
  auto seal = seal_of(site);
  if (!seal.ok()) return shell.fail(seal.error());
  auto made = operate::rotate_keys(site.database(), *seal, a.domain, system_clock().wall_now());
  if (!made.ok()) return shell.fail(made.error());
  return say_new(shell, *made);
}

int list(const Shell& shell, Site& site, const Arguments& a) {
  auto keys = keys_of(site, a.domain);
  if (!keys.ok()) return shell.fail(keys.error());
  if (shell.json) return print_json(as_json(*keys));
  Table table({"DOMAIN", "SELECTOR", "ALGORITHM", "STATE", "SINCE"});
  for (const DkimKeyRecord& key : *keys)
    table.add(
        {key.domain, key.selector, key.algorithm, operate::to_string(key.state), show_time(key.changed)});
  if (table.empty())
    print_line("no keys yet; make one with: essaim dkim create DOMAIN");
  else
    print(table.text());
  return kOk;
}

int show(const Shell& shell, Site& site, const Arguments& a) {
  auto keys = keys_of(site, a.domain);
  if (!keys.ok()) return shell.fail(keys.error());
  if (!a.selector.empty())
    std::erase_if(*keys, [&](const DkimKeyRecord& key) { return key.selector != a.selector; });
  if (keys->empty()) return shell.fail({ErrorCode::kNotFound, "there is no such key of " + a.domain});
  if (shell.json) return print_json(as_json(*keys));
  for (const DkimKeyRecord& key : *keys) {
    print_line(key.selector + ": " + key.algorithm + ", " + operate::to_string(key.state) + " since " +
               show_time(key.changed));
    print_line(operate::zone_record(key));
  }
  return kOk;
}

std::string words_of(const KeyCheck& check, WallTime now) {
  if (check.activated) return "published; it signs from now on";
  if (!check.published) return check.problem;
  if (check.key.state != DkimKeyState::kRetired) return "published";
  return now - check.key.changed > operate::kDkimOverlap
             ? "published, needed no more: remove the record, then the key"
             : "published, needed until what it signed has arrived";
}

int check(const Shell& shell, Site& site, const Arguments& a) {
  const WallTime now = system_clock().wall_now();
  auto checks = operate::check_keys(site.database(), a.domain, operate::dns_lookup(site.settings()), now);
  if (!checks.ok()) return shell.fail(checks.error());
  bool good = !checks->empty();
  Json json = Json::array();
  Table table({"DOMAIN", "SELECTOR", "STATE", "RECORD"});
  for (const KeyCheck& one : *checks) {
    good = good && (one.published || one.key.state == DkimKeyState::kRetired);
    Json line = as_json(one.key);
    line["published"] = one.published;
    line["problem"] = one.problem;
    line["activated"] = one.activated;
    json.push_back(std::move(line));
    table.add({one.key.domain, one.key.selector, operate::to_string(one.key.state), words_of(one, now)});
  }
  if (shell.json) {
    print_json(json);
  } else if (table.empty()) {
    print_line("no keys");
  } else {
    print(table.text());
  }
  return good ? kOk : kFailed;
}

int remove(const Shell& shell, Site& site, const Arguments& a) {
  const auto removed = operate::delete_key(site.database(), a.domain, a.selector);
  if (!removed.ok()) return shell.fail(removed.error());
  note("delete", a.domain, a.selector);
  return shell.done("key " + a.selector + " of " + a.domain + " deleted", "{\"changed\":true}");
}

}  // namespace

void add_dkim(Shell& shell) {
  CLI::App* noun = shell.noun("dkim", "keys that sign what goes out");
  auto a = std::make_shared<Arguments>();
  const auto verb = [&](const char* name, const char* help, const char* examples,
                        int (*run)(const Shell&, Site&, const Arguments&)) {
    return shell.verb(noun, name, help, examples, [&shell, a, run] {
      return with_site(shell, [&](Site& site) { return run(shell, site, *a); });
    });
  };
  const auto domain = [&](CLI::App* app) {
    return app->add_option("DOMAIN", a->domain, "as lists.example.org")
        ->transform([](const std::string& text) { return smtp::kept_domain(text); });
  };

  CLI::App* made =
      verb("create", "make a key and print the record to publish; it signs when the record is seen",
           "  essaim dkim create lists.example.org\n"
           "  essaim dkim create lists.example.org --algorithm ed25519 --selector e2026",
           create);
  domain(made)->required();
  made->add_option("--selector", a->selector, "name of the key in DNS; default: of the date");
  made->add_option("--algorithm", a->algorithm, "rsa (2048 bits) or ed25519 (beside it)")->type_name("KIND");
  domain(verb("list", "the keys and whether they sign",
              "  essaim dkim list\n  essaim dkim list lists.example.org", list));
  CLI::App* shown = verb("show", "the records to publish", "  essaim dkim show lists.example.org", show);
  domain(shown)->required();
  shown->add_option("SELECTOR", a->selector, "only this key");
  domain(verb("rotate", "make the next key of each kind; the present one signs until the next is seen in DNS",
              "  essaim dkim rotate lists.example.org", rotate))
      ->required();
  domain(verb("check", "compare with DNS; new keys whose record is there begin to sign",
              "  essaim dkim check", check));
  CLI::App* deleted = verb("delete", "forget a key that does not sign",
                           "  essaim dkim delete lists.example.org 20261128r", remove);
  domain(deleted)->required();
  deleted->add_option("SELECTOR", a->selector, "of the key")->required();
}

}  // namespace essaim::smtpd::cli
