"""Names files that are no text of rows by how they begin, with the way on: workbooks, archives, databases, JSON."""

import codecs
import json
import re
from pathlib import Path

PANDAS = "pandas.{}.to_parquet('NAME.parquet') makes a table of it that is read"
AS_CSV = "pandas.{}.to_csv('NAME.csv', index=False) makes a table of it that is read"
WORKBOOK = "a workbook of a spreadsheet; save the sheet as CSV UTF-8"
PAGE = "a page of the web, perhaps of a download that failed; download the file itself"
IMAGE = "an image; sources such as ImageFolder read a folder of them"
AVRO, SAS = "DataFrame(fastavro.reader(open(PATH, 'rb')))", "read_sas(PATH, format='{}')"
NETCDF = "a NetCDF file; xarray.open_dataset(PATH).to_dataframe().to_parquet('NAME.parquet') makes a table of it"
# The first bytes of files that are no text, what they are and the way on.
BINARY = {
    b"PK\x03\x04": "a zip archive; unpack it",
    b"\xd0\xcf\x11\xe0": WORKBOOK,
    b"PAR1": "a Parquet file; rename it to NAME.parquet",
    b"ARROW1": f"an Arrow (Feather) file; {PANDAS.format('read_feather(PATH)')}",
    b"FEA1": f"a Feather file; {PANDAS.format('read_feather(PATH)')}",
    b"ORC": f"an ORC file; {PANDAS.format('read_orc(PATH)')}",
    b"\x89HDF": f"an HDF5 file; {PANDAS.format('read_hdf(PATH)')}",
    b"<stata_dta>": f"a Stata file; {PANDAS.format('read_stata(PATH)')}",
    b"$FL2": f"an SPSS file; {PANDAS.format('read_spss(PATH)')}",
    b"\x93NUMPY": f"an array of NumPy; {PANDAS.format('DataFrame(numpy.load(PATH))')}",
    b"\x80": f"a pickle of Python; {PANDAS.format('read_pickle(PATH)')}, but run none that you do not trust",
    b"SQLite format 3": "a SQLite database; export the table as CSV",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"Obj\x01": f"an Avro file; {PANDAS.format(AVRO)}",
    bytes(12) + b"\xc2\xea\x81\x60": f"a SAS file; {PANDAS.format(SAS.format('sas7bdat'))}",
    b"MATLAB 5.0 MAT-file": f"a MAT-file of MATLAB; {PANDAS.format('DataFrame(scipy.io.loadmat(PATH)[NAME])')}",
    b"CDF\x01": NETCDF,
    b"CDF\x02": NETCDF,
    b"CDF\x05": NETCDF,
    b"\x89PNG": IMAGE,
    b"\xff\xd8\xff": IMAGE,
}
# What other texts begin with, in lower case.
TEXTS = {
    b"%pdf-": "a PDF file; export the table as CSV",
    b"<!doctype html": PAGE,
    b"<html": PAGE,
    b"<head>": PAGE,
    b"<table": PAGE,
    b"404: not found": PAGE,
    b"404 not found": PAGE,
    b"header record*******library": f"a SAS transport file; {PANDAS.format(SAS.format('xport'))}",
    b"version https://git-lfs": "a pointer to a file that Git LFS holds; git lfs pull fetches the file",
}
TAR, TAR_AT = b"ustar", 257
# Bytes at the beginning of a file that tell what it is, and characters of a text.
BEGINNING, FIRST_TEXT = 512, 1 << 16
# How a text begins that is JSON, and ARFF, whose comments begin with %.
JSON = re.compile(r'\{\s*("|\}|$)|\[\s*([\[{"\]]|$)')
ARFF = re.compile(r"(\s|%.*\n)*@relation", re.IGNORECASE)
SHEETS = (".xlsx", ".xlsm", ".ods")


def other_format(first: bytes, path: Path) -> str | None:
    """Returns what a file is and the way on, by its first bytes, where it is no text of rows; else None."""
    what = next((what for start, what in BINARY.items() if first.startswith(start)), None)
    if what is not None and any(byte < 9 for byte in first):  # no text holds such; a column may be named PAR1
        return WORKBOOK if first.startswith(b"PK") and path.suffix.lower() in SHEETS else what
    if first[TAR_AT:].startswith(TAR):
        return "a tar archive; unpack it"
    text = first.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    return next((what for start, what in TEXTS.items() if text.startswith(start)), None)


def other_text(text: str) -> str | None:
    """Returns what a text is and the way on, by its beginning, where it is JSON, ARFF or XML; else None."""
    text = text.lstrip("\ufeff \t\r\n")
    line, _, following = text.partition("\n")
    what = None
    if JSON.match(line.strip()) and (end := _json_end(line)) is not None:
        lines = end > 0 and following.lstrip().startswith(line[0])
        read = "read_json(PATH, lines=True)" if lines else "read_json(PATH)"
        what = f"{'JSON lines' if lines else 'JSON'}; {AS_CSV.format(read)}"
    elif ARFF.match(text):
        what = f"an ARFF file of Weka; {AS_CSV.format('DataFrame(scipy.io.arff.loadarff(PATH)[0])')}"
    elif text.startswith("<?xml"):
        what = f"an XML file; {AS_CSV.format('read_xml(PATH)')}"
    elif text.startswith("<!--"):
        what = PAGE
    return what


def _json_end(line: str) -> int | None:
    """Returns where the JSON of a line ends, 0 where it goes on in the next; None where something else follows it."""
    try:
        _, end = json.JSONDecoder().raw_decode(line)
    except (ValueError, RecursionError):
        return 0
    return end if line[end:].strip() in ("", ",") else None
