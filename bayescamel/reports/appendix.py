"""The page's appendix: priors, diagnostics, versions, and the data."""

from importlib.metadata import version
from typing import TYPE_CHECKING

import xarray as xr

from bayescamel import plots
from bayescamel._version import __version__
from bayescamel.exceptions import DesignError
from bayescamel.reports.blocks import Block, Section, Text, download, picture, sentence, table

if TYPE_CHECKING:
    from bayescamel.posterior import Posterior

LIBRARIES = ("numpy", "xarray", "jax", "numpyro", "nutpie", "arviz-stats", "matplotlib")


def appendix(posterior: "Posterior", command: str) -> Section:
    """Priors, diagnostics, versions, and the data."""
    hierarchy, status = posterior.hierarchy, posterior.status
    priors = [
        [p.name, ", ".join(p.dims) or "one", p.support, f"{p.typical:.3g}", p.location_sd, p.spread]
        for p in hierarchy.parameters()
    ]
    priors += [
        [c.name, "validation", "coefficient", f"{c.mean:.3g}", c.location_sd, c.spread]
        for c in hierarchy.law.coefficients
    ]
    diagnostics = [
        ["largest R-hat", f"{status.rhat_max:.4f}"],
        ["smallest effective sample size, bulk", f"{status.ess_bulk_min:.0f}"],
        ["smallest effective sample size, tail", f"{status.ess_tail_min:.0f}"],
        ["divergences", f"{status.divergences}"],
        ["smallest E-BFMI", f"{status.ebfmi_min:.2f}"],
        ["seconds", f"{status.seconds:.0f}"],
    ]
    versions = [["bayescamel", __version__], *([name, version(name)] for name in LIBRARIES)]
    blocks: list[Block] = [
        table(
            f"Priors of law {posterior.law.name}",
            ["parameter", "by", "support", "typical", "sd of the location", "spread"],
            priors,
        ),
        *_prior_pictures(posterior),
        table("Diagnostics", ["of the draws", "value"], diagnostics),
        table("Versions", ["package", "version"], versions),
        Text(f"Fingerprint of the runs: {posterior.runs.attrs.get('fingerprint', 'none')}"),
        Text("The command that makes this page again:"),
        Text(command, "code"),
        download("runs.csv", as_csv(posterior.runs), "The runs as CSV"),
    ]
    return Section("appendix", "Appendix", blocks)


def _prior_pictures(posterior: "Posterior") -> list[Block]:
    """What the priors say, alone and beside the posterior."""
    blocks: list[Block] = [
        picture(
            plots.prior_predictive(posterior),
            "What the prior alone would have said of the runs' losses, and what they measured.",
        )
    ]
    try:
        figure = plots.priors(posterior)
    except DesignError as error:  # this law's prior gives these runs hardly a plausible loss
        return [*blocks, Text(sentence(str(error)))]
    words = "Priors and posteriors: where the two agree, the answer rests on the prior."
    return [*blocks, picture(figure, words)]


def as_csv(runs: xr.Dataset) -> str:
    """A run table as the wide CSV that `bayescamel.read_runs` reads."""
    scalars = [name for name in ("n_params", "n_active_params", "n_tokens") if name in runs]
    wide = runs[scalars].to_dataframe()
    for name, prefix in (
        ("mixture", "w_"),
        ("loss", "loss_"),
        ("accuracy", "acc_"),
        ("score", "score_"),
    ):
        if name in runs:
            wide = wide.join(runs[name].to_pandas().add_prefix(prefix))
    return str(wide.rename_axis("run_id").to_csv())
