//! A healthy site: its report, its other half, what disturbs, and the health level.

pub(crate) fn a_healthy_site_passes() -> anyhow::Result<()> {
    Ok(())
}
pub(crate) fn both_halves_are_one_report() -> anyhow::Result<()> {
    Ok(())
}
pub(crate) fn what_disturbs_is_measured() -> anyhow::Result<()> {
    Ok(())
}
pub(crate) fn the_level_follows_the_tunnel() -> anyhow::Result<()> {
    Ok(())
}
pub(crate) fn a_bundle_tells_no_secret() -> anyhow::Result<()> {
    Ok(())
}
