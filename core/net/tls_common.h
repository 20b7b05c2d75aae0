// What both sides set on an OpenSSL context. Inside core/net only.
#pragma once

#include <string>

struct ssl_ctx_st;
struct x509_st;

namespace essaim::net {

void set_common_tls_options(ssl_ctx_st* context);
// "CN=mx.example.org,O=Example": RFC 2253, cut to a length for the log.
std::string subject_of(const x509_st* certificate, bool issuer);

}  // namespace essaim::net
