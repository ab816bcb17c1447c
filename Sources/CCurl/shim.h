#pragma once
#include <curl/curl.h>
#include <stdbool.h>

/* Swift cannot call variadic functions: one function for each kind of value that an option takes. */
static inline CURLcode flow_set_number(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode flow_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode flow_set_pointer(CURL *easy, CURLoption option, const void *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode flow_set_receiver(CURL *easy, CURLoption option, curl_write_callback value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode flow_set_opener(CURL *easy, curl_opensocket_callback value) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, value);
}

/* Copies the body. An empty one must not be a null pointer, for which libcurl would read standard input. */
static inline CURLcode flow_set_body(CURL *easy, const void *bytes, long count) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
    return code ? code : curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, count ? bytes : "");
}

static inline long flow_status(CURL *easy) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* The addresses of the last connection; empty without one. */
static inline const char *flow_server_address(CURL *easy) {
    const char *address = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
    return address ? address : "";
}

static inline const char *flow_client_address(CURL *easy) {
    const char *address = NULL;
    curl_easy_getinfo(easy, CURLINFO_LOCAL_IP, &address);
    return address ? address : "";
}

/* Whether the name of the host was looked up. */
static inline bool flow_has_address(CURL *easy) {
    curl_off_t microseconds = 0;
    curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &microseconds);
    return microseconds > 0;
}

/* The address of the first byte of a socket address, which is longer than the structure that declares it. */
static inline const void *flow_address(const struct curl_sockaddr *socket) { return &socket->addr; }

/* Macros that are expressions, which Swift does not import. */
static inline CURLcode flow_start(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }
static const long flow_tls_1_2 = CURL_SSLVERSION_TLSv1_2;
static const long flow_http_1_1 = CURL_HTTP_VERSION_1_1;
