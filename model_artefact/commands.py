"""`sketchzoo model`: import, check, calibrate, words, add-class.

Imports of what is slow to load stand in the functions, so that `--help` is quick.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from model_artefact.arguments import need, pixels
from model_artefact.threads import products_on_one_thread
from model_artefact.user_errors import user_errors
from sketchzoo.cli.app import App
from sketchzoo.cli.status import FAILED, REFUSED, UNUSABLE, end

app = App(
    name="model",
    help="Import an encoder's ONNX files as a model, check and calibrate models.",
    no_args_is_help=True,
)
_Fit = Literal["crop", "letterbox", "ink"]
_Pool = Literal["cls", "mean"]
_SKETCH, _TEXT = "Sketches", "Words"
_INK_KEEP = 0.8  # a line at the very edge is half a line
_NUMBERS = "one number, or one a channel with commas between"


@app.command("import")
def import_model(
    photo: Annotated[Path, typer.Option(help="ONNX file that embeds photos.")],
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    mean: Annotated[str, typer.Option(help=f"What is taken off pixels of 0 to 1: {_NUMBERS}.")],
    std: Annotated[str, typer.Option(help=f"What they are then divided by: {_NUMBERS}.")],
    *,
    size: Annotated[
        int | None, typer.Option(help="Side of its images in pixels, where the file does not say.")
    ] = None,
    fit: Annotated[
        _Fit,
        typer.Option(help="How photos become square: the middle, the whole on white, or lines."),
    ] = "crop",
    keep: Annotated[
        float, typer.Option(help="Share of the short side that crop keeps, or of the square used.")
    ] = 1.0,
    output: Annotated[str | None, typer.Option(help="The output that is the embedding.")] = None,
    pool: Annotated[
        _Pool | None,
        typer.Option(help="Make one vector of many tokens': the first one, or the mean."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The model's name; the folder's if unset.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="The weights' terms: a text, or a file that has them.")
    ] = None,
    sketch: Annotated[
        Path | None,
        typer.Option(
            help="ONNX file that embeds sketches; if unset the photos' does.",
            rich_help_panel=_SKETCH,
        ),
    ] = None,
    sketch_fit: Annotated[
        _Fit, typer.Option(help="How sketches become square.", rich_help_panel=_SKETCH)
    ] = "ink",
    sketch_keep: Annotated[
        float | None,
        typer.Option(help="The same as --keep; 0.8 for ink if unset.", rich_help_panel=_SKETCH),
    ] = None,
    sketch_pen: Annotated[
        int, typer.Option(help="Pixels of the pen that ink redraws with.", rich_help_panel=_SKETCH)
    ] = 5,
    sketch_size: Annotated[
        int | None, typer.Option(help="Side of its images.", rich_help_panel=_SKETCH)
    ] = None,
    sketch_mean: Annotated[
        str | None, typer.Option(help="--mean if unset.", rich_help_panel=_SKETCH)
    ] = None,
    sketch_std: Annotated[
        str | None, typer.Option(help="--std if unset.", rich_help_panel=_SKETCH)
    ] = None,
    sketch_output: Annotated[
        str | None, typer.Option(help="Its output.", rich_help_panel=_SKETCH)
    ] = None,
    sketch_pool: Annotated[
        _Pool | None, typer.Option(help="The same as --pool.", rich_help_panel=_SKETCH)
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(help="ONNX file that embeds texts; with --tokenizer.", rich_help_panel=_TEXT),
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Its tokenizer.json.", rich_help_panel=_TEXT)
    ] = None,
    text_output: Annotated[
        str | None, typer.Option(help="Its output.", rich_help_panel=_TEXT)
    ] = None,
    context: Annotated[
        int | None,
        typer.Option(
            min=1, help="Tokens of a text, where no file states them.", rich_help_panel=_TEXT
        ),
    ] = None,
    pad_token: Annotated[
        str | None,
        typer.Option(help="Token that fills up, where no file states it.", rich_help_panel=_TEXT),
    ] = None,
) -> None:
    """Make a model of an encoder that was exported to ONNX: CLIP, SigLIP, DINOv2 and others.

    Writes a folder that `sketchzoo encoder --model` serves: graphs that answer embeddings of
    norm 1, weights, config.json with the fingerprint, MODEL_CARD.md and LICENSE, all tried before
    the folder is there. docs/models.md has the options for each family. Exit status: 0 made, 2 a
    file or an option cannot be used, 3 the folder is there already.
    """
    with user_errors("model import"):
        from model_artefact.folder import FolderError  # noqa: PLC0415 - loaded when it runs
        from model_artefact.importing import Plan, Side, Square, make  # noqa: PLC0415
        from model_artefact.showing import show_promises  # noqa: PLC0415
        from model_artefact.source import Source  # noqa: PLC0415
        from model_artefact.text import TextSource  # noqa: PLC0415

        of_sketch = {
            "--sketch-size": sketch_size,
            "--sketch-mean": sketch_mean,
            "--sketch-std": sketch_std,
            "--sketch-output": sketch_output,
            "--sketch-pool": sketch_pool,
        }
        of_text = {"--text-output": text_output, "--context": context, "--pad-token": pad_token}
        need("--sketch", sketch, of_sketch)
        need("--text", text, {"--tokenizer": tokenizer, **of_text})
        if text is not None and tokenizer is None:
            raise typer.BadParameter("--text needs --tokenizer, its tokenizer.json")
        if sketch_keep is None:
            sketch_keep = _INK_KEEP if sketch_fit == "ink" else 1.0
        square = Square(sketch_fit, sketch_keep, sketch_pen)
        side: Side | Square = square
        if sketch is not None:
            scale = sketch_mean or mean, sketch_std or std, sketch_size or size
            scaled = pixels(*scale, "sketch-")
            side = Side(Source(sketch, sketch_output, sketch_pool, "sketch-"), scaled, square)
        words = None
        if text is not None and tokenizer is not None:
            source = Source(text, text_output, None, "text-")
            words = TextSource(source, tokenizer, context, pad_token)
        plan = Plan(
            name or out.resolve().name,
            Side(Source(photo, output, pool), pixels(mean, std, size), Square(fit, keep)),
            side,
            words,
            licence,
        )
        try:
            artefact, promises = make(plan, out)
        except FolderError as error:
            end("model import", error, REFUSED)
    show_promises(f"{artefact.name}, fingerprint {artefact.fingerprint}, in {out}", promises)
    if licence is None:
        typer.echo("licence: not said; give --licence TEXT or FILE, or write it into LICENSE")


@app.command()
def check(
    model: Annotated[str, typer.Argument(help="A model's folder, or a shipped one's name.")],
) -> None:
    """Look whether a model keeps all that it promises: files, fingerprint, norm, speed and more.

    Exit status: 0 it does, 1 it does not, 2 there is no such folder.
    """
    with user_errors("model check"):
        from model_artefact.checking import check as promises_of  # noqa: PLC0415 - as above
        from model_artefact.showing import show_promises  # noqa: PLC0415

        promises = list(promises_of(model))
    show_promises(model, promises)
    if not all(promise.is_kept for promise in promises):
        raise typer.Exit(FAILED)


@app.command()
def calibrate(
    model: Annotated[str, typer.Argument(help="A model's folder, or a shipped one's name.")],
    photos: Annotated[Path, typer.Option(help="Your photos: a folder a class.")],
    *,
    sketches: Annotated[
        Path | None, typer.Option(help="A few drawings of such things: a folder a class.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for a calibrated copy; the model itself if unset.")
    ] = None,
    per_class: Annotated[
        int, typer.Option(min=2, help="Photos, and drawings, of a class that are looked at.")
    ] = 50,
) -> None:
    """Find what a model's scores mean on photos and drawings of yours, and write it down.

    Drawings give `min_score`, under which a hit likely shows something else; photos give
    `seen_from`, from which a class counts as seen, where the model tells classes. Embeddings and
    fingerprint stay as they are. Exit status: 0 written, 2 something cannot be used, 3 the folder
    is there already.
    """
    with user_errors("model calibrate"):
        from model_artefact.calibrating import calibrate as found_by  # noqa: PLC0415 - as above
        from model_artefact.folder import FolderError, check_free, copied  # noqa: PLC0415
        from model_artefact.showing import embedded, show_found  # noqa: PLC0415
        from sketchzoo.images import Modality  # noqa: PLC0415
        from sketchzoo.model import ModelArtefact  # noqa: PLC0415

        artefact = ModelArtefact.load(model)
        if out is None and artefact.folder != Path(model):  # a bare name was looked up
            raise typer.BadParameter(f"{artefact.name} is shipped: give --out DIR for a copy")
        try:
            if out is not None:
                check_free(out)
            seen = embedded(artefact, photos, Modality.PHOTO, per_class)
            drawn = embedded(artefact, sketches, Modality.SKETCH, per_class) if sketches else None
            found = found_by(artefact, seen, drawn)
            counts = {"photos": len(seen.classes), "sketches": len(drawn.classes) if drawn else 0}
            calibrated = found.applied(artefact, counts)
            if out is None:
                calibrated.save_config()
            else:
                with copied(artefact.folder, out) as folder:
                    replace(calibrated, folder=folder).save_config()
        except FolderError as error:
            end("model calibrate", error, REFUSED)
        show_found(found, calibrated, out or artefact.folder)


@app.command("words")
def words_of(
    model: Annotated[str, typer.Argument(help="A model's folder, or a shipped one's name.")],
    text: Annotated[list[str] | None, typer.Argument(help="Texts to name.")] = None,
    *,
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure on the kept queries, or on --queries.")
    ] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Find the calibration on every second query.")
    ] = False,
    queries: Annotated[
        Path | None, typer.Option(help="Queries of yours, as the kept file has them.")
    ] = None,
) -> None:
    """Tell which class texts mean to a model that knows classes, and how well words do.

    Needs the extra words. Exit status: 0 told, 2 something cannot be used.
    """
    with user_errors("model words"):
        from model_artefact.showing import show_figures, show_names  # noqa: PLC0415 - as above
        from model_artefact.wording import Queries, calibrated, measured  # noqa: PLC0415
        from sketchzoo.model import ModelArtefact  # noqa: PLC0415
        from sketchzoo.words.naming import Words  # noqa: PLC0415

        if not (text or measure or calibrate):
            raise typer.BadParameter("give texts, --measure or --calibrate")
        artefact = ModelArtefact.load(model)
        words = Words.of(artefact)
        if words is None:
            end("model words", f"{artefact.name}'s embeddings have no part for classes", UNUSABLE)
        naming = words.naming
        if text:
            show_names(naming.classes, text, naming.posterior(text))
        if measure or calibrate:
            kept = (Queries.read(queries) if queries else Queries.read()).known(naming.classes)
            if measure:
                halves = {"all": kept, "not calibrated on": kept.half(1)}
                show_figures({name: measured(naming, of) for name, of in halves.items()})
            if calibrate:
                typer.echo(f"[calibration]\n{calibrated(naming, kept.half(0)).toml()}")


@app.command("add-class")
def add_class(
    name: Annotated[str, typer.Argument(help="The class's name.")],
    photos: Annotated[Path, typer.Argument(help="A folder of its photos: ten do, five at least.")],
    sketches: Annotated[
        Path | None, typer.Argument(help="A folder of drawings of it, if there are some.")
    ] = None,
    *,
    model: Annotated[
        str, typer.Option(help="A model's folder, or a shipped one's name.")
    ] = "zoo-1",
    out: Annotated[Path, typer.Option(help="Folder to make.")],
) -> None:
    """Add one class to a model by a few photos, without training: seconds.

    The mean of its photos stands for it (a prototype). Several classes at once, and more photos of
    each, are better learned by `sketchzoo finetune`. Galleries are ingested anew for the model that
    is made. Exit status: 0 made, 2 something cannot be used, 3 the folder is there already.
    """
    products_on_one_thread()
    with user_errors("model add-class"):
        from model_artefact.lessons import one_lesson  # noqa: PLC0415 - loaded when it runs
        from model_artefact.showing import taught  # noqa: PLC0415

        taught(
            "model add-class",
            model,
            out,
            lambda known: one_lesson(known, name, photos, sketches),
            by_prototypes=True,
        )
