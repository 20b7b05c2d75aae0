#include "core/net/certificate_check.h"

#include <algorithm>
#include <memory>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "core/base/text.h"
#include "core/net/tls_stream.h"

namespace essaim::net {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Store = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;

constexpr int kWeakRsa = 2048;

struct Chain {
  std::vector<Certificate> certificates;  // the server's own first
  Key key;
};

// Whatever stands in the file, in any order; "" or what could not be read.
std::string read_chain(const std::string& file, Chain* out) {
  ERR_clear_error();
  const Bio in(BIO_new_file(file.c_str(), "r"));
  if (in == nullptr) return "cannot be read: " + take_openssl_errors();
  while (Certificate one{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)})
    out->certificates.push_back(std::move(one));
  const Bio again(BIO_new_file(file.c_str(), "r"));
  ERR_clear_error();
  out->key.reset(PEM_read_bio_PrivateKey(again.get(), nullptr, nullptr, nullptr));
  if (out->certificates.empty()) return "holds no certificate";
  if (out->key == nullptr) return "holds no private key that can be read: " + take_openssl_errors();
  return "";
}

// "" if an authority vouches for it through what stands beside it.
std::string chain_problem(const Chain& chain, const std::string& ca_file) {
  const Store store(X509_STORE_new());
  ERR_clear_error();
  if (store == nullptr || X509_STORE_load_file(store.get(), ca_file.c_str()) != 1)
    return "the authorities in " + ca_file + " cannot be read";
  STACK_OF(X509)* const others = sk_X509_new_null();
  for (std::size_t i = 1; i < chain.certificates.size(); ++i)
    sk_X509_push(others, chain.certificates[i].get());
  const StoreContext context(X509_STORE_CTX_new());
  std::string out;
  if (context == nullptr ||
      X509_STORE_CTX_init(context.get(), store.get(), chain.certificates.front().get(), others) != 1) {
    out = "it cannot be checked";
  } else {
    X509_STORE_CTX_set_default(context.get(), "ssl_server");
    // Its time is judged apart.
    X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME);
    if (X509_verify_cert(context.get()) != 1)
      out = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
  }
  sk_X509_free(others);
  return out;
}

}  // namespace

bool is_in_time(const CertificateInfo& info, WallTime now) {
  return info.not_before <= now && now < info.not_after;
}

std::string time_words(const CertificateInfo& info, WallTime now) {
  if (info.not_before > now) return "is not valid before " + format_iso8601(info.not_before).substr(0, 10);
  const std::string day = format_iso8601(info.not_after).substr(0, 10);
  if (info.not_after <= now) return "expired on " + day;
  const auto left = std::chrono::duration_cast<std::chrono::hours>(info.not_after - now);
  if (left > kExpiryNotice) return "";
  return "expires on " + day + ", in " + std::to_string(left.count() / 24) + " days";
}

CertificateReport check_certificate(const std::string& file, const std::string& host,
                                    const std::string& ca_file, WallTime now) {
  CertificateReport out;
  out.info.file = file;
  const auto find = [&out](bool fatal, std::string what) {
    out.findings.push_back({fatal, std::move(what)});
  };
  Chain chain;
  const std::string unreadable = read_chain(file, &chain);
  if (!chain.certificates.empty()) out.info = describe_certificate(file, chain.certificates.front().get());
  if (!unreadable.empty()) {
    find(true, unreadable);
    return out;
  }
  X509* const own = chain.certificates.front().get();
  if (X509_check_private_key(own, chain.key.get()) != 1)
    find(true, "the key does not belong to the certificate");
  ERR_clear_error();
  if (const std::string words = time_words(out.info, now); !words.empty())
    find(!is_in_time(out.info, now), words);
  if (EVP_PKEY_get_base_id(chain.key.get()) == EVP_PKEY_RSA && EVP_PKEY_get_bits(chain.key.get()) < kWeakRsa)
    find(false, "its RSA key has less than 2048 bits");
  const auto& names = out.info.names;
  const bool fits = host.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& name) {
                      return certificate_name_matches(name, host);
                    });
  if (!fits) find(false, "is not for " + host + " but for " + (names.empty() ? "nobody" : joined(names)));
  if (out.info.self_signed) {
    find(false, "is self-signed: clients that look accept it by DANE only");
  } else if (!ca_file.empty()) {
    if (const std::string problem = chain_problem(chain, ca_file); !problem.empty())
      find(false, "no authority of " + ca_file + " vouches for it: " + problem +
                      (chain.certificates.size() == 1 ? "; the file holds no intermediate certificate" : ""));
  }
  return out;
}

}  // namespace essaim::net
