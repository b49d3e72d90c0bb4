//! The workers who try bugs side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use stage01::DiskLock;

use super::packages::{Package, packages};
use super::workshop::{Plan, Workshop};
use crate::claim::claim;
use crate::exercises::build::{Binary, Build, DoesNotCompile};
use crate::workers::{Profile, cores, for_each, seed, share};

/// Some workshops, with the same copy of the workspace in each.
#[derive(Debug)]
pub struct Crew {
    workshops: Vec<Workshop>,
    /// The packages in them.
    pub packages: BTreeMap<String, Package>,
    cores: usize,
    _lock: DiskLock,
}

impl Crew {
    /// So many workshops, within the cores that there are. The first of them is laid out; the others become like it
    /// once the work is shared. What others wrote is taken from `built`, a target directory, as far as it is there.
    ///
    /// # Errors
    ///
    /// Another process is at work in the folder.
    pub fn assemble(folder: &Path, plan: &Plan, jobs: usize, built: &Path) -> Result<Crew> {
        let lock = claim(folder)?;
        let cores = cores();
        let workshops: Vec<Workshop> = (0..jobs.clamp(1, cores)).map(|number| Workshop::new(folder, number)).collect();
        workshops[0].lay_out(plan)?;
        seed(built, &workshops[0].target())?;
        let packages = packages(&workshops[0].copy())?;
        Ok(Crew { workshops, packages, cores, _lock: lock })
    }

    /// Builds test targets without any bug, in the first workshop. Cargo talks to the user meanwhile.
    pub fn build_first(&self, package: &str, targets: &BTreeSet<String>) -> Result<Vec<Binary>> {
        match self.build_in(&self.workshops[0], package, targets, self.cores, true)? {
            Ok(binaries) => Ok(binaries),
            Err(_) => bail!("{package} does not compile as it is; the first error above is the one to mend"),
        }
    }

    /// Builds test targets in a workshop as it is now.
    pub fn build(
        &self,
        workshop: &Workshop,
        package: &str,
        targets: &BTreeSet<String>,
    ) -> Result<Result<Vec<Binary>, DoesNotCompile>> {
        self.build_in(workshop, package, targets, (self.cores / self.workshops.len()).max(1), false)
    }

    /// What can do without the default features is built without them: a bug costs a build of its package, and of stage 6
    /// the smaller half is enough for most. The other half is large, and its tests wait more than they work: to optimise it
    /// anew for each bug would take longer than anything else.
    fn build_in(
        &self,
        workshop: &Workshop,
        package: &str,
        targets: &BTreeSet<String>,
        jobs: usize,
        talks: bool,
    ) -> Result<Result<Vec<Binary>, DoesNotCompile>> {
        let known = self.packages.get(package).with_context(|| format!("there is no package `{package}`"))?;
        let profile = Profile::with_jobs(jobs);
        let (lean, full): (Vec<String>, Vec<String>) =
            targets.iter().cloned().partition(|target| known.lean.contains(target));
        let is_large = known.targets.iter().any(|target| target != "lib" && !known.lean.contains(target));
        let mut binaries = Vec::new();
        for (targets, without_default_features) in [(lean, true), (full, false)] {
            let build = Build {
                package: &workshop.copy().join(&known.folder),
                target_dir: &workshop.target(),
                without_default_features,
                unoptimised: (is_large && !without_default_features).then_some(package),
                environment: &profile.environment(),
                talks,
                targets,
                ..Build::default()
            };
            // No targets would be all of them.
            if !build.targets.is_empty() {
                match build.run()? {
                    Ok(built) => binaries.extend(built),
                    error => return Ok(error),
                }
            }
        }
        Ok(Ok(binaries))
    }

    /// Does a piece of work for each of the numbers. A worker who has done one takes the next. All begin with what the
    /// first has built.
    pub fn share<T: Send>(
        &self,
        numbers: &[usize],
        work: impl Fn(&Workshop, usize) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let workshops = &self.workshops[..self.workshops.len().min(numbers.len())];
        for_each(workshops.get(1..).unwrap_or_default(), |workshop| workshop.become_like(&self.workshops[0]))?;
        share(workshops, numbers, work)
    }
}
