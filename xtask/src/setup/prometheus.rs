//! Prometheus, as Debian packages it: unpacked into the cache, not installed.

use std::{fs, path::PathBuf};

use crate::{
    apt::{self, Apt, AptError},
    cache::{Cache, CacheError},
    progress,
};

/// Why there is no Prometheus.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// Its package can't be had.
    #[error("cannot fetch Prometheus: {0}")]
    Package(#[from] AptError),
    /// Its package has no such program.
    #[error("the package prometheus has no program {0}")]
    NoProgram(&'static str),
    /// The cache can't be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Its programs.
#[derive(Debug, Clone)]
pub struct Prometheus {
    /// The server.
    pub server: PathBuf,
    /// What checks its files and asks the server.
    pub promtool: PathBuf,
}

impl Prometheus {
    /// The programs, fetched if the cache has not got them.
    ///
    /// # Errors
    /// When the package can't be had.
    pub fn ensure(cache: &Cache) -> Result<Self, PrometheusError> {
        if let Some(here) = Self::cached(cache)? {
            return Ok(here);
        }
        let _lock = cache.lock()?;
        if let Some(here) = Self::cached(cache)? {
            return Ok(here);
        }
        progress::step(format_args!("fetching Prometheus"), || Self::fetch(cache))?;
        Self::cached(cache)?.ok_or(PrometheusError::NoProgram("prometheus"))
    }

    fn cached(cache: &Cache) -> Result<Option<Self>, CacheError> {
        let folder = cache.folder("prometheus")?;
        let [server, promtool] = PROGRAMS.map(|program| folder.join(program));
        Ok((server.is_file() && promtool.is_file()).then_some(Self { server, promtool }))
    }

    fn fetch(cache: &Cache) -> Result<(), PrometheusError> {
        let scratch = cache.scratch()?;
        let (release, _source) = Apt::machine_source()?;
        let deb = Apt::suite(&release)?.download("prometheus", scratch.path())?;
        apt::unpack(&deb, scratch.path())?;
        let folder = cache.folder("prometheus")?;
        for program in PROGRAMS {
            let unpacked = scratch.path().join("usr/bin").join(program);
            if !unpacked.is_file() {
                return Err(PrometheusError::NoProgram(program));
            }
            let path = folder.join(program);
            fs::rename(unpacked, &path).map_err(|source| CacheError::Write { path, source })?;
        }
        Ok(())
    }
}

const PROGRAMS: [&str; 2] = ["prometheus", "promtool"];
