#include "smtpd/accounts/ldap_source.h"

#include <memory>
#include <optional>

#include <ldap.h>
#include <sys/time.h>

#include "core/base/encoding.h"
#include "core/base/text.h"
#include "core/sasl/login.h"

namespace essaim::smtpd {
namespace {

struct Unbind {
  void operator()(LDAP* ldap) const { ldap_unbind_ext_s(ldap, nullptr, nullptr); }
};
struct FreeMessage {
  void operator()(LDAPMessage* message) const { ldap_msgfree(message); }
};
using Handle = std::unique_ptr<LDAP, Unbind>;
using Message = std::unique_ptr<LDAPMessage, FreeMessage>;

constexpr std::size_t kMostAddresses = 100;

timeval time_of(Duration duration) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return {static_cast<time_t>(micros / 1'000'000), static_cast<suseconds_t>(micros % 1'000'000)};
}

// {name} replaced by what `escape` makes of it.
template <typename Escape>
std::string filled(std::string_view pattern, std::string_view name, const Escape& escape) {
  constexpr std::string_view kSlot = "{name}";
  std::string value;
  for (std::size_t i = 0; i < name.size(); ++i) escape(name, i, &value);
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t slot = pattern.find(kSlot, at);
    out += pattern.substr(at, slot - at);
    if (slot == std::string_view::npos) return out;
    out += value;
    at = slot + kSlot.size();
  }
}

void add_hex(char c, std::string* out) {
  *out += "\\" + hex_encoded({&c, 1});
}

class Session {
 public:
  explicit Session(const LdapOptions& options) : options_(options) {}

  std::optional<std::string> connect() {
    LDAP* raw = nullptr;
    int result = ldap_initialize(&raw, options_.url.c_str());
    handle_.reset(raw);
    if (result != LDAP_SUCCESS) return problem("cannot use " + options_.url, result);
    const int version = LDAP_VERSION3;
    const timeval timeout = time_of(options_.timeout);
    ldap_set_option(raw, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(raw, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    ldap_set_option(raw, LDAP_OPT_NETWORK_TIMEOUT, &timeout);
    ldap_set_option(raw, LDAP_OPT_TIMEOUT, &timeout);
    if (options_.starttls || options_.url.starts_with("ldaps:")) {
      const int demand = LDAP_OPT_X_TLS_DEMAND, client = 0;
      if (!options_.ca_file.empty())
        ldap_set_option(raw, LDAP_OPT_X_TLS_CACERTFILE, options_.ca_file.c_str());
      ldap_set_option(raw, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
      ldap_set_option(raw, LDAP_OPT_X_TLS_NEWCTX, &client);
    }
    if (!options_.starttls) return std::nullopt;
    result = ldap_start_tls_s(raw, nullptr, nullptr);
    return result == LDAP_SUCCESS ? std::nullopt : std::optional(problem("STARTTLS", result));
  }

  int bind(const std::string& dn, const std::string& password) {
    berval credentials{static_cast<ber_len_t>(password.size()), const_cast<char*>(password.data())};
    return ldap_sasl_bind_s(handle_.get(), dn.c_str(), LDAP_SASL_SIMPLE, &credentials, nullptr, nullptr,
                            nullptr);
  }

  // Two entries at most: one is the person, two are a mistake.
  int search(const std::string& base, int scope, const std::string& filter, Message* out) {
    char* attributes[] = {const_cast<char*>(options_.mail_attribute.c_str()), nullptr};
    timeval timeout = time_of(options_.timeout);
    LDAPMessage* found = nullptr;
    const int result = ldap_search_ext_s(handle_.get(), base.c_str(), scope, filter.c_str(), attributes, 0,
                                         nullptr, nullptr, &timeout, 2, &found);
    out->reset(found);
    return result;
  }

  // "" unless there is exactly one.
  std::string only_dn(const Message& message) {
    if (ldap_count_entries(handle_.get(), message.get()) != 1) return "";
    char* dn = ldap_get_dn(handle_.get(), ldap_first_entry(handle_.get(), message.get()));
    std::string out = dn == nullptr ? "" : dn;
    ldap_memfree(dn);
    return out;
  }

  std::vector<std::string> addresses(const Message& message) {
    std::vector<std::string> out;
    LDAPMessage* const entry = ldap_first_entry(handle_.get(), message.get());
    if (entry == nullptr) return out;
    berval** const values = ldap_get_values_len(handle_.get(), entry, options_.mail_attribute.c_str());
    for (int i = 0; values != nullptr && values[i] != nullptr && out.size() < kMostAddresses; ++i) {
      // No patterns: what the person may write there is an address.
      const std::string_view text(values[i]->bv_val, values[i]->bv_len);
      auto address = sasl::parse_owned_address(text);
      if (address.ok() && !text.starts_with('*')) out.push_back(*std::move(address));
    }
    ldap_value_free_len(values);
    return out;
  }

  std::string problem(const std::string& what, int result) {
    std::string out = what + ": " + ldap_err2string(result);
    char* more = nullptr;
    if (handle_ && ldap_get_option(handle_.get(), LDAP_OPT_DIAGNOSTIC_MESSAGE, &more) == LDAP_SUCCESS &&
        more != nullptr && *more != '\0')
      out += std::string(" (") + more + ")";
    ldap_memfree(more);
    return out;
  }

 private:
  const LdapOptions& options_;
  Handle handle_;
};

LdapAnswer trouble(std::string problem) {
  return {LdapAnswer::Kind::kTrouble, {}, std::move(problem)};
}

// The entry's name is wrong, or its password.
bool is_refusal(int result) {
  return result == LDAP_INVALID_CREDENTIALS || result == LDAP_NO_SUCH_OBJECT ||
         result == LDAP_INVALID_DN_SYNTAX || result == LDAP_INAPPROPRIATE_AUTH ||
         result == LDAP_UNWILLING_TO_PERFORM;
}

}  // namespace

std::string fill_dn(std::string_view pattern, std::string_view name) {
  return filled(pattern, name, [](std::string_view whole, std::size_t i, std::string* out) {
    const char c = whole[i];
    const bool at_end = i == 0 || i + 1 == whole.size();
    const bool special = std::string_view(",+\"\\<>;=/").find(c) != std::string_view::npos ||
                         static_cast<unsigned char>(c) < 32 || (at_end && (c == ' ' || c == '#'));
    if (special)
      add_hex(c, out);
    else
      *out += c;
  });
}

std::string fill_filter(std::string_view pattern, std::string_view name) {
  return filled(pattern, name, [](std::string_view whole, std::size_t i, std::string* out) {
    const char c = whole[i];
    if (std::string_view("*()\\").find(c) != std::string_view::npos || static_cast<unsigned char>(c) < 32)
      add_hex(c, out);
    else
      *out += c;
  });
}

LdapAnswer ldap_login(const LdapOptions& options, const std::string& name, const std::string& password) {
  if (password.empty()) return {LdapAnswer::Kind::kBad, {}, {}};
  Session session(options);
  if (auto problem = session.connect()) return trouble(*std::move(problem));
  Message found;
  std::string dn = fill_dn(options.bind_dn, name);
  if (dn.empty()) {
    int result = session.bind(options.search_dn, options.search_password);
    if (result != LDAP_SUCCESS) return trouble(session.problem("bind as " + options.search_dn, result));
    result = session.search(options.base, LDAP_SCOPE_SUBTREE, fill_filter(options.filter, name), &found);
    // Of several that fit none is the one.
    if (result == LDAP_SIZELIMIT_EXCEEDED) return {LdapAnswer::Kind::kBad, {}, {}};
    if (result != LDAP_SUCCESS && result != LDAP_NO_SUCH_OBJECT)
      return trouble(session.problem("search below " + options.base, result));
    dn = session.only_dn(found);
    if (dn.empty()) return {LdapAnswer::Kind::kBad, {}, {}};
  }
  const int result = session.bind(dn, password);
  if (is_refusal(result)) return {LdapAnswer::Kind::kBad, {}, {}};
  if (result != LDAP_SUCCESS) return trouble(session.problem("bind", result));
  // As the person reads the own entry.
  if (session.search(dn, LDAP_SCOPE_BASE, "(objectClass=*)", &found) != LDAP_SUCCESS) found.reset();
  return {LdapAnswer::Kind::kGood, found ? session.addresses(found) : std::vector<std::string>{}, {}};
}

}  // namespace essaim::smtpd
