//! What the endpoint answers.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{ACCEPT, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE},
};

use super::{access::Access, password::Passwords};
use crate::metrics::{Format, Metrics};

const LANDING: &str = "\
<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>denyd</title></head><body>
<h1>denyd</h1>
<p>Linux security denial reporter</p>
<ul>
<li><a href=\"/metrics\">/metrics</a>: for Prometheus</li>
<li><a href=\"/status\">/status</a>: what <code>denyd status</code> reads, as JSON</li>
<li><a href=\"/healthz\">/healthz</a>: answers while denyd runs</li>
</ul>
</body></html>
";

pub(super) struct Responder {
    metrics: Arc<Metrics>,
    passwords: Passwords,
}

impl Responder {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, passwords: Passwords::default() }
    }

    pub(super) async fn respond<B>(
        &self,
        request: Request<B>,
        access: &Access,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let mut response = if access.users().is_empty()
            || self.passwords.allow(authorization.unwrap_or_default(), access.users()).await
        {
            self.answer(&request)
        } else {
            let mut refused = text(StatusCode::UNAUTHORIZED, "Unauthorized\n");
            refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"denyd\""));
            refused
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in access.headers() {
            headers.insert(name.clone(), value.clone());
        }
        Ok(response)
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here\n");
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match request.uri().path() {
            "/metrics" => {
                let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
                let format = Format::accepted(accept.unwrap_or_default());
                page(StatusCode::OK, format.content_type(), self.metrics.expose(format))
            }
            "/status" => match serde_json::to_string(&self.metrics.snapshot()) {
                Ok(json) => page(StatusCode::OK, "application/json", json),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            },
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/" => page(StatusCode::OK, "text/html; charset=utf-8", LANDING),
            _ => text(StatusCode::NOT_FOUND, "There is /metrics, /status and /healthz\n"),
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    page(status, "text/plain; charset=utf-8", body)
}

fn page(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
