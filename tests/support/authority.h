// A certificate authority of the test's own: certificates for names and mail addresses, also bad ones, and what TLSA
// records say of them. P-256 throughout. `openssl` speaks for itself in the scenarios.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <openssl/types.h>

namespace essaim::test {

class Authority {
 public:
  using Key = std::shared_ptr<EVP_PKEY>;
  using Certificate = std::shared_ptr<X509>;
  struct Issued {
    Certificate certificate;
    Key key;
    std::string pem;    // certificate, that of the authority, key
    std::string clean;  // without the authority's
  };
  struct Wish {
    std::vector<std::string> names{};  // "mx.example.org", "*.example.org"
    std::vector<std::string> emails{};
    long begins = -60, ends = 86'400;  // seconds from now
  };

  explicit Authority(const std::string& name = "Test authority");

  Issued issue(const Wish& wish) const;
  std::string pem() const;
  Certificate certificate() const { return certificate_; }

  // SHA-256 of the whole certificate (selector 0) or of its key (selector 1).
  static std::string digest(const Certificate& certificate, int selector);
  static std::string data(const Certificate& certificate, int selector);

 private:
  Key key_;
  Certificate certificate_;
};

}  // namespace essaim::test
