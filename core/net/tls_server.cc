// The server's contexts: certificates by name, and what is asked of clients.
#include <algorithm>
#include <ctime>
#include <memory>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/base/text.h"
#include "core/net/certificate_check.h"
#include "core/net/tls.h"
#include "core/net/tls_common.h"
#include "core/net/tls_stream.h"

namespace essaim::net {
namespace {

constexpr unsigned char kIdContext[] = "essaim";

// Forward secrecy always; CBC for the old ones among our peers (RFC 9325 §4.2 asks for no more than that they come
// last).
constexpr const char* kCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:DHE+AES:!aNULL:!eNULL:!PSK:!SRP:!DSS";

WallTime time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return from_millis(static_cast<std::int64_t>(timegm(&parts)) * 1000);
}

std::string text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::vector<std::string> dns_names(X509* certificate) {
  std::vector<std::string> names;
  auto* all =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(all, i);
    if (one->type == GEN_DNS) names.push_back(ascii_lowered(text_of(one->d.dNSName)));
  }
  GENERAL_NAMES_free(all);
  if (!names.empty()) return names;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0)
    names.push_back(ascii_lowered(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)))));
  return names;
}

}  // namespace

CertificateInfo describe_certificate(const std::string& file, x509_st* certificate) {
  CertificateInfo info;
  info.file = file;
  info.names = dns_names(certificate);
  info.subject = subject_of(certificate, false);
  info.issuer = subject_of(certificate, true);
  info.self_signed = X509_self_signed(certificate, 0) == 1;
  info.not_before = time_of(X509_get0_notBefore(certificate));
  info.not_after = time_of(X509_get0_notAfter(certificate));
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (const char* type = key == nullptr ? nullptr : EVP_PKEY_get0_type_name(key); type != nullptr)
    info.key_type = type;
  return info;
}

namespace {

// Whether the client is let in is not decided by its certificate: what it may do, is (AUTH EXTERNAL).
int accept_any_client(int, X509_STORE_CTX*) {
  return 1;
}

SSL_CTX* make_server_context() {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) return nullptr;
  set_common_tls_options(context);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_cipher_list(context, kCiphers);
  SSL_CTX_set_dh_auto(context, 1);
  // Resumption by tickets only: nothing is kept per client. One ticket, as SMTP clients come back one by one.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_session_id_context(context, kIdContext, sizeof kIdContext - 1);
  return context;
}

}  // namespace

bool certificate_name_matches(std::string_view pattern, std::string_view host) {
  if (equals_ignoring_case(pattern, host)) return true;
  if (!pattern.starts_with("*.")) return false;
  const std::size_t dot = host.find('.');
  return dot != std::string_view::npos && dot > 0 &&
         equals_ignoring_case(pattern.substr(1), host.substr(dot));
}

struct TlsServerContext::Impl {
  struct Identity {
    std::vector<std::string> names;
    std::vector<std::string> key_types;
    SSL_CTX* context = nullptr;
  };
  std::vector<Identity> identities;
  std::vector<CertificateInfo> certificates;

  // Exact names go before wildcards, whatever their order.
  SSL_CTX* context_for(std::string_view host) const {
    for (const bool exact : {true, false}) {
      for (const Identity& one : identities) {
        const bool fits = std::any_of(one.names.begin(), one.names.end(), [&](const std::string& name) {
          return exact ? equals_ignoring_case(name, host) : certificate_name_matches(name, host);
        });
        if (fits) return one.context;
      }
    }
    return identities.front().context;
  }

  static int on_server_name(SSL* ssl, int*, void* self) {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_SSL_CTX(ssl, static_cast<const Impl*>(self)->context_for(name));
    return SSL_TLSEXT_ERR_OK;
  }
};

TlsServerContext::TlsServerContext() : impl_(std::make_unique<Impl>()) {}

TlsServerContext::~TlsServerContext() {
  for (const Impl::Identity& one : impl_->identities) SSL_CTX_free(one.context);
}

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::load(const TlsServerOptions& options) {
  std::shared_ptr<TlsServerContext> result(new TlsServerContext);
  Impl& impl = *result->impl_;
  for (const std::string& file : options.files) {
    ERR_clear_error();
    const auto refuse = [&](const std::string& what) {
      return Error{ErrorCode::kInvalid, file + ": " + what + ": " + take_openssl_errors()};
    };
    const std::unique_ptr<BIO, decltype(&BIO_free)> in(BIO_new_file(file.c_str(), "r"), BIO_free);
    if (in == nullptr) return refuse("cannot use the certificate");
    const std::unique_ptr<X509, decltype(&X509_free)> leaf(
        PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), X509_free);
    if (leaf == nullptr) return refuse("cannot use the certificate");
    CertificateInfo info = describe_certificate(file, leaf.get());
    // The same names with another kind of key: OpenSSL chooses by what the client can.
    auto identity =
        std::find_if(impl.identities.begin(), impl.identities.end(), [&](const Impl::Identity& one) {
          return one.names == info.names &&
                 std::find(one.key_types.begin(), one.key_types.end(), info.key_type) == one.key_types.end();
        });
    if (identity == impl.identities.end()) {
      impl.identities.push_back({info.names, {}, make_server_context()});
      identity = std::prev(impl.identities.end());
      if (identity->context == nullptr) return refuse("cannot make a TLS context");
    }
    identity->key_types.push_back(info.key_type);
    SSL_CTX* context = identity->context;
    if (SSL_CTX_use_certificate_chain_file(context, file.c_str()) != 1)
      return refuse("cannot use the certificate");
    if (SSL_CTX_use_PrivateKey_file(context, file.c_str(), SSL_FILETYPE_PEM) != 1)
      return refuse("cannot use the private key");
    if (SSL_CTX_check_private_key(context) != 1) return refuse("the key does not belong to the certificate");
    impl.certificates.push_back(std::move(info));
  }
  if (impl.identities.empty()) return Error{ErrorCode::kInvalid, "no certificate is named"};
  for (const Impl::Identity& one : impl.identities) {
    if (options.client_ca.empty()) continue;
    ERR_clear_error();
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(options.client_ca.c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(one.context, options.client_ca.c_str()) != 1) {
      sk_X509_NAME_pop_free(names, X509_NAME_free);
      return Error{ErrorCode::kInvalid, options.client_ca + ": cannot use the certificates of authorities: " +
                                            take_openssl_errors()};
    }
    SSL_CTX_set_client_CA_list(one.context, names);
    SSL_CTX_set_verify(one.context, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, accept_any_client);
  }
  SSL_CTX* first = impl.identities.front().context;
  // As the macros, which hold casts from C.
  SSL_CTX_callback_ctrl(first, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(&Impl::on_server_name));
  SSL_CTX_ctrl(first, SSL_CTRL_SET_TLSEXT_SERVERNAME_ARG, 0, &impl);
  return result;
}

SSL_CTX* TlsServerContext::raw() const {
  return impl_->identities.front().context;
}

const std::vector<CertificateInfo>& TlsServerContext::certificates() const {
  return impl_->certificates;
}

}  // namespace essaim::net
