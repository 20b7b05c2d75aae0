#include "smtpd/accounts/ldap_session.h"

#include <sys/socket.h>
#include <sys/time.h>

#include "core/sasl/login.h"

namespace essaim::smtpd {
namespace {

constexpr std::size_t kMostAddresses = 100;
constexpr ber_len_t kMostOctets = 1 << 20;  // of an answer

timeval time_of(Duration duration) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return {static_cast<time_t>(micros / 1'000'000), static_cast<suseconds_t>(micros % 1'000'000)};
}

// The library's timeouts are for answers to begin: it would wait for the rest of one without end, and take any length.
int limit(LDAP*, Sockbuf* socket, LDAPURLDesc*, sockaddr*, ldap_conncb* connected) {
  ber_len_t most = kMostOctets;
  ber_sockbuf_ctrl(socket, LBER_SB_OPT_SET_MAX_INCOMING, &most);
  ber_socket_t fd = -1;
  ber_sockbuf_ctrl(socket, LBER_SB_OPT_GET_FD, &fd);
  const timeval timeout = time_of(static_cast<const LdapOptions*>(connected->lc_arg)->timeout);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  return 0;
}

void forget(LDAP*, Sockbuf*, ldap_conncb*) {}

}  // namespace

std::optional<std::string> LdapSession::connect() {
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
  connected_ = {limit, forget, const_cast<LdapOptions*>(&options_)};
  ldap_set_option(raw, LDAP_OPT_CONNECT_CB, &connected_);
  if (options_.starttls || options_.url.starts_with("ldaps:")) {
    const int demand = LDAP_OPT_X_TLS_DEMAND, client = 0;
    if (!options_.ca_file.empty()) ldap_set_option(raw, LDAP_OPT_X_TLS_CACERTFILE, options_.ca_file.c_str());
    ldap_set_option(raw, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
    ldap_set_option(raw, LDAP_OPT_X_TLS_NEWCTX, &client);
  }
  if (!options_.starttls) return std::nullopt;
  result = ldap_start_tls_s(raw, nullptr, nullptr);
  return result == LDAP_SUCCESS ? std::nullopt : std::optional(problem("STARTTLS", result));
}

int LdapSession::bind(const std::string& dn, const std::string& password) {
  berval credentials{static_cast<ber_len_t>(password.size()), const_cast<char*>(password.data())};
  return ldap_sasl_bind_s(handle_.get(), dn.c_str(), LDAP_SASL_SIMPLE, &credentials, nullptr, nullptr,
                          nullptr);
}

int LdapSession::search(const std::string& base, int scope, const std::string& filter, Message* out) {
  char* attributes[] = {const_cast<char*>(options_.mail_attribute.c_str()), nullptr};
  timeval timeout = time_of(options_.timeout);
  LDAPMessage* found = nullptr;
  const int result = ldap_search_ext_s(handle_.get(), base.c_str(), scope, filter.c_str(), attributes, 0,
                                       nullptr, nullptr, &timeout, 2, &found);
  out->reset(found);
  return result;
}

std::string LdapSession::only_dn(const Message& message) {
  if (entries(message) != 1) return "";
  char* dn = ldap_get_dn(handle_.get(), ldap_first_entry(handle_.get(), message.get()));
  std::string out = dn == nullptr ? "" : dn;
  ldap_memfree(dn);
  return out;
}

std::vector<std::string> LdapSession::addresses(const Message& message) {
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

std::string LdapSession::problem(const std::string& what, int result) {
  std::string out = what + ": " + ldap_err2string(result);
  char* more = nullptr;
  if (handle_ && ldap_get_option(handle_.get(), LDAP_OPT_DIAGNOSTIC_MESSAGE, &more) == LDAP_SUCCESS &&
      more != nullptr && *more != '\0')
    out += std::string(" (") + more + ")";
  ldap_memfree(more);
  return out;
}

}  // namespace essaim::smtpd
