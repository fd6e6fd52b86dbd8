//! The clouds that phones and browsers hang on, played on this machine: real HTTP/2 over TLS, and
//! each checks what its model checks and refuses as that does.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Version},
    response::{IntoResponse, Response},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle, time::timeout};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::{
    browser::Browser,
    support::{Authority, PATIENCE, free_address},
};

/// What a device would have got.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    /// `apns`, `fcm` or `web`.
    pub(crate) service: &'static str,
    /// To which device.
    pub(crate) token: String,
    /// What the app finds in it.
    pub(crate) notice: Value,
    /// All of it, as the service sees it.
    pub(crate) message: Value,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) at: Instant,
}

/// How a cloud misbehaves.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It answers this status, and when to come again.
    Status(u16, Option<u64>),
    /// It says that the token it was shown is too old.
    Expired,
}

struct Inside {
    got: Mutex<VecDeque<Got>>,
    came: Notify,
    /// What goes wrong with the next messages, in turn.
    faults: Mutex<VecDeque<Fault>>,
    /// Tokens of apps that were taken off their devices.
    unregistered: Mutex<BTreeSet<String>>,
    /// The sender's tokens that were shown, in order.
    shown: Mutex<Vec<String>>,
    apns_key: DecodingKey,
    fcm_key: DecodingKey,
    token_uri: String,
    /// How many access tokens were given; the last one holds.
    given: Mutex<u32>,
    browser: Browser,
    origin: String,
}

/// All of them, at one address.
pub(crate) struct Cloud {
    inside: Arc<Inside>,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Cloud {
    /// Starts them; the keys are those whose private halves the server has.
    pub(crate) async fn start(
        authority: &Authority,
        apns_public: &str,
        fcm_public: &str,
        browser: Browser,
    ) -> Self {
        let address = free_address();
        let listener = TcpListener::bind(address).await.expect("a port");
        let origin = format!("https://localhost:{}", address.port());
        let inside = Arc::new(Inside {
            got: Mutex::default(),
            came: Notify::new(),
            faults: Mutex::default(),
            unregistered: Mutex::default(),
            shown: Mutex::default(),
            apns_key: DecodingKey::from_ec_pem(apns_public.as_bytes()).expect("a key"),
            fcm_key: DecodingKey::from_rsa_pem(fcm_public.as_bytes()).expect("a key"),
            token_uri: format!("{origin}/token"),
            given: Mutex::new(0),
            browser,
            origin,
        });
        let router = Router::new().fallback(answer).with_state(inside.clone());
        let serving = tokio::spawn(serve(listener, acceptor(authority), router));
        Self { inside, address, serving }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// What goes wrong with the next messages, in turn.
    pub(crate) fn fails(&self, faults: impl IntoIterator<Item = Fault>) {
        self.inside.faults.lock().expect("whole").extend(faults);
    }

    /// The app is taken off the device with this token.
    pub(crate) fn unregister(&self, token: &str) {
        self.inside.unregistered.lock().expect("whole").insert(token.to_owned());
    }

    /// The sender's tokens that were shown so far.
    pub(crate) fn shown(&self) -> Vec<String> {
        self.inside.shown.lock().expect("whole").clone()
    }

    /// The next message that a device gets.
    pub(crate) async fn next(&self) -> Got {
        let next = async {
            loop {
                let came = self.inside.came.notified();
                if let Some(got) = self.inside.got.lock().expect("whole").pop_front() {
                    return got;
                }
                came.await;
            }
        };
        timeout(PATIENCE, next).await.expect("a push in time")
    }

    /// Messages that came and were not looked at.
    pub(crate) fn waiting(&self) -> usize {
        self.inside.got.lock().expect("whole").len()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn acceptor(authority: &Authority) -> TlsAcceptor {
    let (certificate, key) = authority.certify(&["localhost"]);
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate");
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, router: Router) {
    loop {
        let (stream, _) = listener.accept().await.expect("it accepts");
        let (tls, router) = (tls.clone(), router.clone());
        tokio::spawn(async move {
            // Who does not believe the certificate goes away again.
            let Ok(stream) = tls.accept(stream).await else { return };
            let service = TowerToHyperService::new(router);
            let builder = auto::Builder::new(TokioExecutor::new());
            // It ends with the server that is tested.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// A refusal, as it is answered.
type Refusal = Box<Response>;

#[allow(clippy::unnecessary_box_returns)] // Every answer would have room for a whole response.
fn refusal(status: u16, body: &Value) -> Refusal {
    let status = StatusCode::from_u16(status).expect("a status");
    Box::new((status, body.to_string()).into_response())
}

async fn answer(State(inside): State<Arc<Inside>>, request: Request) -> Response {
    assert_eq!(request.version(), Version::HTTP_2, "push services speak HTTP/2");
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let path = head.uri.path().to_owned();
    if path == "/token" {
        return inside.access_token(&body).unwrap_or_else(|refused| *refused);
    }
    let fault = inside.faults.lock().expect("whole").pop_front();
    if let Some(Fault::Status(status, after)) = fault {
        let status = StatusCode::from_u16(status).expect("a status");
        let mut response = (status, "{}").into_response();
        if let Some(seconds) = after {
            response.headers_mut().insert("retry-after", seconds.into());
        }
        return response;
    }
    let is_expired = fault.is_some();
    let headers = &head.headers;
    let taken = if let Some(device) = path.strip_prefix("/3/device/") {
        inside.apns(device, headers, &body, is_expired)
    } else if path == "/v1/projects/shop/messages:send" {
        inside.fcm(headers, &body, is_expired)
    } else if let Some(browser) = path.strip_prefix("/push/") {
        inside.web(browser, headers, &body)
    } else {
        Err(refusal(404, &json!({})))
    };
    match taken {
        Ok((got, answer)) => {
            inside.got.lock().expect("whole").push_back(got);
            inside.came.notify_one();
            answer
        }
        Err(refused) => *refused,
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn texts(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap_or_default().to_owned())
    };
    headers.iter().map(text).collect()
}

type Taken = Result<(Got, Response), Refusal>;

impl Inside {
    /// Apple's: <https://developer.apple.com/documentation/usernotifications>.
    fn apns(&self, device: &str, headers: &HeaderMap, body: &[u8], is_expired: bool) -> Taken {
        let says = |status, reason: &str| refusal(status, &json!({"reason": reason}));
        let shown = header(headers, "authorization").strip_prefix("bearer ");
        let shown = shown.or(header(headers, "authorization").strip_prefix("Bearer "));
        let token = shown.ok_or_else(|| says(403, "MissingProviderToken"))?.to_owned();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.required_spec_claims.clear();
        let claims = decode::<Value>(&token, &self.apns_key, &validation)
            .map_err(|_| says(403, "InvalidProviderToken"))?
            .claims;
        let kid = decode_header(&token).expect("a header").kid;
        if kid.as_deref() != Some("KEY1234567") || claims["iss"] != "TEAM123456" {
            return Err(says(403, "InvalidProviderToken"));
        }
        self.shown.lock().expect("whole").push(token);
        if is_expired {
            return Err(says(403, "ExpiredProviderToken"));
        }
        let hex = device.bytes().all(|b| b.is_ascii_hexdigit());
        if device.len() != 64 || !hex {
            return Err(says(400, "BadDeviceToken"));
        }
        let (kind, topic) = (header(headers, "apns-push-type"), header(headers, "apns-topic"));
        let (wanted, most) = match kind {
            "voip" => ("example.shop.voip", 5120),
            "alert" => ("example.shop", 4096),
            _ => return Err(says(400, "InvalidPushType")),
        };
        if topic != wanted {
            return Err(says(400, "DeviceTokenNotForTopic"));
        }
        if body.len() > most {
            return Err(says(413, "PayloadTooLarge"));
        }
        if header(headers, "apns-collapse-id").len() > 64 {
            return Err(says(400, "BadCollapseId"));
        }
        if self.unregistered.lock().expect("whole").contains(device) {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let now = u64::try_from(now.expect("after 1970").as_millis()).expect("fits");
            let body = json!({"reason": "Unregistered", "timestamp": now});
            return Err(refusal(410, &body));
        }
        let message: Value = serde_json::from_slice(body).expect("JSON");
        let notice = message["bellwire"].clone();
        let got = Got {
            service: "apns",
            token: device.to_owned(),
            notice,
            message,
            headers: texts(headers),
            at: Instant::now(),
        };
        Ok((got, StatusCode::OK.into_response()))
    }

    /// Google's: <https://developers.google.com/identity/protocols/oauth2/service-account>.
    fn access_token(&self, body: &[u8]) -> Result<Response, Refusal> {
        let wrong = || refusal(400, &json!({"error": "invalid_grant"}));
        let text = std::str::from_utf8(body).map_err(|_| wrong())?;
        let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
        let assertion = text.strip_prefix(grant).ok_or_else(wrong)?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[&self.token_uri]);
        validation.set_issuer(&["push@shop.example"]);
        let claims = decode::<Value>(assertion, &self.fcm_key, &validation).map_err(|_| wrong())?;
        if claims.claims["scope"] != "https://www.googleapis.com/auth/firebase.messaging" {
            return Err(wrong());
        }
        let mut given = self.given.lock().expect("whole");
        *given += 1;
        let body = json!({
            "access_token": format!("access-{given}"), "expires_in": 3599, "token_type": "Bearer",
        });
        Ok(([("content-type", "application/json")], body.to_string()).into_response())
    }

    /// Google's: <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages>.
    fn fcm(&self, headers: &HeaderMap, body: &[u8], is_expired: bool) -> Taken {
        let says = |status: u16, word: &str, code: &str| {
            let details = json!([{
                "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code,
            }]);
            let error = json!({"code": status, "status": word, "details": details});
            refusal(status, &json!({"error": error}))
        };
        let shown = header(headers, "authorization").to_owned();
        self.shown.lock().expect("whole").push(shown.clone());
        let holds = format!("Bearer access-{}", *self.given.lock().expect("whole"));
        if shown != holds || is_expired {
            let error = json!({"code": 401, "status": "UNAUTHENTICATED"});
            return Err(refusal(401, &json!({"error": error})));
        }
        let message: Value = serde_json::from_slice(body).expect("JSON");
        let message = message["message"].clone();
        let token = message["token"].as_str().expect("a token").to_owned();
        if self.unregistered.lock().expect("whole").contains(&token) {
            return Err(says(404, "NOT_FOUND", "UNREGISTERED"));
        }
        let Some(data) = message["data"].as_object() else {
            return Err(says(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"));
        };
        // Every value has to be a string, and all of them within 4 KiB.
        let bytes: Option<usize> =
            data.iter().map(|(name, value)| Some(name.len() + value.as_str()?.len())).sum();
        let ttl = message["android"]["ttl"].as_str().and_then(|ttl| ttl.strip_suffix('s'));
        let ttl = ttl.and_then(|seconds| seconds.parse::<u64>().ok());
        if bytes.is_none_or(|bytes| bytes > 4096) || ttl.is_none() {
            return Err(says(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"));
        }
        let notice = data["bellwire"].as_str().expect("a string");
        let notice = serde_json::from_str(notice).expect("JSON");
        let headers = texts(headers);
        let got = Got { service: "fcm", token, notice, message, headers, at: Instant::now() };
        let name = json!({"name": "projects/shop/messages/1"});
        Ok((got, axum::Json(name).into_response()))
    }

    /// A browser's: RFC 8030, RFC 8292; and the browser itself, RFC 8291.
    fn web(&self, id: &str, headers: &HeaderMap, body: &[u8]) -> Taken {
        let says = |status| refusal(status, &json!({}));
        if self.unregistered.lock().expect("whole").contains(id) {
            return Err(says(410));
        }
        let authorization = header(headers, "authorization");
        if !self.browser.knows_sender(authorization, &self.origin) {
            return Err(says(403));
        }
        let ttl = header(headers, "ttl").parse::<u64>();
        if ttl.is_err() || header(headers, "topic").len() > 32 {
            return Err(says(400));
        }
        if body.len() > 4096 || header(headers, "content-encoding") != "aes128gcm" {
            return Err(says(413));
        }
        let text = self.browser.decrypt(body);
        let notice: Value = serde_json::from_slice(&text).expect("JSON");
        let got = Got {
            service: "web",
            token: id.to_owned(),
            message: notice.clone(),
            notice,
            headers: texts(headers),
            at: Instant::now(),
        };
        Ok((got, StatusCode::CREATED.into_response()))
    }
}

/// How long ago it came.
pub(crate) fn between(first: Instant, second: Instant) -> Duration {
    second.duration_since(first)
}
