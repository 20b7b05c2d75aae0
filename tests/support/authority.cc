#include "tests/support/authority.h"

#include <cstddef>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core/base/check.h"

namespace essaim::test {
namespace {

using Key = Authority::Key;
using Certificate = Authority::Certificate;
using Wish = Authority::Wish;

Key make_key() {
  return {EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free};
}

Certificate make(const std::string& name, const std::string& alternatives, const Key& subject_key,
                 const Key& issuer_key, X509* issuer, const Wish& wish) {
  Certificate made(X509_new(), X509_free);
  X509* x = made.get();
  static long serial = 1;
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), wish.begins);
  X509_gmtime_adj(X509_getm_notAfter(x), wish.ends);
  X509_set_pubkey(x, subject_key.get());
  X509_NAME* subject = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x, issuer != nullptr ? X509_get_subject_name(issuer) : subject);
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer != nullptr ? issuer : x, x, nullptr, nullptr, 0);
  const auto extend = [&](int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    ESSAIM_CHECK(extension != nullptr && X509_add_ext(x, extension, -1) == 1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
  if (!alternatives.empty()) extend(NID_subject_alt_name, alternatives);
  ESSAIM_CHECK(X509_sign(x, issuer_key.get(), EVP_sha256()) > 0);
  return made;
}

template <typename Write>
std::string written(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  ESSAIM_CHECK(write(out.get()) == 1);
  char* bytes = nullptr;
  const long size = BIO_ctrl(out.get(), BIO_CTRL_INFO, 0, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}
std::string pem_of(const Certificate& certificate) {
  return written([&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); });
}
std::string pem_of(const Key& key) {
  return written([&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

}  // namespace

Authority::Authority(const std::string& name) : key_(make_key()) {
  certificate_ = make(name, "", key_, key_, nullptr, {{}, {}, -60, 864'000});
}

Authority::Issued Authority::issue(const Wish& wish) const {
  Issued out;
  out.key = make_key();
  std::string alternatives;
  for (const std::string& one : wish.names) alternatives += (alternatives.empty() ? "DNS:" : ",DNS:") + one;
  for (const std::string& one : wish.emails)
    alternatives += (alternatives.empty() ? "email:" : ",email:") + one;
  out.certificate = make(wish.names.empty() ? "client" : wish.names.front(), alternatives, out.key, key_,
                         certificate_.get(), wish);
  out.clean = pem_of(out.certificate) + pem_of(out.key);
  out.pem = pem_of(out.certificate) + pem() + pem_of(out.key);
  return out;
}
std::string Authority::pem() const {
  return pem_of(certificate_);
}

std::string Authority::digest(const Certificate& certificate, int selector) {
  const std::string der = data(certificate, selector);
  unsigned char out[32];
  ESSAIM_CHECK(EVP_Digest(der.data(), der.size(), out, nullptr, EVP_sha256(), nullptr) == 1);
  return {reinterpret_cast<const char*>(out), sizeof out};
}
std::string Authority::data(const Certificate& certificate, int selector) {
  unsigned char* der = nullptr;
  const int length = selector == 0 ? i2d_X509(certificate.get(), &der)
                                   : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &der);
  ESSAIM_CHECK(length > 0);
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  return out;
}

}  // namespace essaim::test
