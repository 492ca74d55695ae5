//! What the server runs with: its settings, what a first run finds, and the switch of the demo.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use tidings_dhcp::config::RootedFiles;
use tidings_dhcp::discover::{Found, discover};
use tidings_dhcp::format::LeaseFormat;
use tidings_dhcp::lease::{EpochSeconds, Lease};
use tidings_dhcp::network::LeaseView;
use tidings_dhcp::service::DhcpConfig;

use crate::problem::Problem;
use crate::state::App;
use crate::wire::LeaseJson;
use crate::wire::running::{
    CandidateJson, DemoJson, DemoSwitchJson, OriginJson, SettingsJson, SetupJson,
};

/// Leases of a candidate that are shown.
const PREVIEW_LEASES_MAX: usize = 5;
/// Bytes of a candidate that are read; leases beyond are not counted.
const PREVIEW_BYTES_MAX: u64 = 4 * 1_048_576;
/// Time between two made-up changes when the configuration names none.
const DEMO_INTERVAL: Duration = Duration::from_secs(5);
/// Key of the setting that the demo overrides.
const DEMO_KEY: &str = "dhcp.simulate.enabled";

/// Every setting in effect, with its origin; secrets are not shown.
pub(super) async fn settings(State(app): State<App>) -> Json<SettingsJson> {
    let mut settings = app.running.settings.read().clone();
    let is_enabled = app.running.dhcp.read().simulate.enabled;
    for setting in settings.iter_mut().filter(|setting| setting.key == DEMO_KEY) {
        if setting.value != Some(is_enabled.into()) {
            setting.value = Some(is_enabled.into());
            setting.origin = OriginJson { kind: "demo", name: None };
        }
    }
    Json(SettingsJson { config_file: app.running.config_file.clone(), settings })
}

/// What a first run finds: DHCP servers in the usual places, each with its first leases.
///
/// # Errors
///
/// `503` while the server stops.
pub(super) async fn setup(State(app): State<App>) -> Result<Json<SetupJson>, Problem> {
    let config = app.running.dhcp.read().clone();
    let now_s = app.now_s();
    let looked = tokio::task::spawn_blocking(move || candidates(&config, now_s)).await;
    let candidates = looked.map_err(|_| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting-down").text("the server stops")
    })?;
    let environment = if app.running.is_production { "production" } else { "development" };
    Ok(Json(SetupJson { environment, demo: demo_of(&app), candidates }))
}

/// Whether changes are made up.
pub(super) async fn demo(State(app): State<App>) -> Json<DemoJson> {
    Json(demo_of(&app))
}

/// Switches the simulator, until a restart or a reload of the configuration.
///
/// # Errors
///
/// `400` for a body that is none; `403` in production, where nothing is made up.
pub(super) async fn switch_demo(
    State(app): State<App>,
    body: Bytes,
) -> Result<Json<DemoJson>, Problem> {
    let wanted: DemoSwitchJson = serde_json::from_slice(&body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "body-invalid").text(error.to_string())
    })?;
    if app.running.is_production {
        return Err(Problem::new(StatusCode::FORBIDDEN, "production")
            .text("environment = \"production\" refuses made-up changes"));
    }
    let mut config = app.running.dhcp.write();
    config.simulate.enabled = wanted.enabled;
    if wanted.enabled {
        config.simulate.interval.get_or_insert(DEMO_INTERVAL);
    }
    app.dhcp.replace_config(config.clone());
    drop(config);
    tracing::info!(enabled = wanted.enabled, "demo switched");
    Ok(Json(demo_of(&app)))
}

fn demo_of(app: &App) -> DemoJson {
    let config = app.running.dhcp.read();
    let interval = config.simulate.interval.filter(|_| config.simulate.enabled);
    DemoJson {
        enabled: config.simulate.enabled,
        is_allowed: !app.running.is_production,
        interval_seconds: interval.map(|interval| interval.as_secs_f64()),
    }
}

/// Looks for DHCP servers and into their lease files; blocks.
fn candidates(config: &DhcpConfig, now_s: EpochSeconds) -> Vec<CandidateJson> {
    let files = RootedFiles { root_path: config.root_path.clone() };
    let found = discover(&config.root_path).into_iter();
    let looked = found.filter_map(|Found { system, source }| {
        let leases = source.leases?;
        let is_watched =
            config.sources.iter().any(|watched| watched.leases.as_ref() == Some(&leases));
        let read = read_leases(&files.real(&leases), now_s);
        Some(CandidateJson {
            system,
            dnsmasq_conf: source.dnsmasq_conf.map(|path| path.display().to_string()),
            is_watched,
            n_leases: read.as_ref().ok().map(Vec::len),
            preview: read.as_deref().map(preview).unwrap_or_default(),
            problem: read.err(),
            leases: leases.display().to_string(),
        })
    });
    looked.collect()
}

/// Reads the first leases of a file, or says why it cannot be read.
fn read_leases(path: &Path, now_s: EpochSeconds) -> Result<Vec<Lease>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(PREVIEW_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let format = LeaseFormat::detect(&bytes).map_err(|error| error.to_string())?;
    Ok(format.parse(&bytes, now_s).leases)
}

fn preview(leases: &[Lease]) -> Vec<LeaseJson> {
    let shown = leases.iter().take(PREVIEW_LEASES_MAX).map(|lease| LeaseView {
        lease: lease.clone(),
        source: "".into(),
        is_static: false,
        pool_name: None,
        vendor: None,
        is_simulated: false,
    });
    shown.map(|view| LeaseJson::from(&view)).collect()
}
