//! A HEIC of many equal tiles, written box by box (ISO/IEC 14496-12, 23008-12), as phones write theirs of different ones.

/// The one tile's size, in pixels.
const TILE: (u32, u32) = (320, 208);

fn sized(kind: &[u8], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let length = u32::try_from(content.len() + 8).unwrap();
    [&length.to_be_bytes()[..], kind, &content].concat()
}

/// A box with version and flags.
fn full(kind: &[u8], version: u8, content: &[&[u8]]) -> Vec<u8> {
    sized(kind, &[&[&[version, 0, 0, 0][..]], content].concat())
}

/// The content of the first box of this kind, wherever it stands.
fn content_of<'a>(file: &'a [u8], kind: &[u8]) -> &'a [u8] {
    let at = file.windows(4).position(|window| window == kind).unwrap();
    let length = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
    &file[at + 4..at - 4 + length]
}

fn wide(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_be_bytes()
}

fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap().to_be_bytes()
}

fn item(id: usize, kind: &[u8]) -> Vec<u8> {
    full(b"infe", 2, &[&short(id), &[0; 2], kind, b"\0"])
}

fn size(width: u32, height: u32) -> Vec<u8> {
    full(b"ispe", 0, &[&width.to_be_bytes(), &height.to_be_bytes()])
}

/// So many columns and rows of the picture that `heic` holds alone. Item 1 is the whole, the tiles follow.
pub(crate) fn of_tiles(heic: &[u8], columns: u32, rows: u32) -> Vec<u8> {
    let (width, height) = (columns * TILE.0, rows * TILE.1);
    // Written one less than they are.
    let less = |count: u32| u8::try_from(count - 1).unwrap();
    let sides = [width, height]
        .map(|side| u16::try_from(side).unwrap().to_be_bytes())
        .concat();
    let grid = [&[0, 0, less(rows), less(columns)][..], &sides].concat();
    let coded = content_of(heic, b"mdat");
    let tiles: Vec<usize> = (2..2 + (columns * rows) as usize).collect();
    let items: Vec<u8> = tiles.iter().flat_map(|id| item(*id, b"hvc1")).collect();
    let entries = full(b"iinf", 0, &[&short(tiles.len() + 1), &item(1, b"grid"), &items]);
    let ids: Vec<u8> = tiles.iter().flat_map(|id| short(*id)).collect();
    let made_of = full(
        b"iref",
        0,
        &[&sized(b"dimg", &[&short(1), &short(tiles.len()), &ids])],
    );
    let properties = sized(
        b"ipco",
        &[
            &sized(b"hvcC", &[content_of(heic, b"hvcC")]),
            &size(TILE.0, TILE.1),
            &size(width, height),
        ],
    );
    // Of each item the number of its properties, then which; the topmost bit says that it cannot do without.
    let of_tiles: Vec<u8> = tiles
        .iter()
        .flat_map(|id| [&short(*id)[..], &[2, 0x81, 2]].concat())
        .collect();
    let owners = full(
        b"ipma",
        0,
        &[&wide(tiles.len() + 1), &short(1), &[1, 3], &of_tiles],
    );
    let meta = |data: usize| {
        let extent = |id: usize, at: usize, length: usize| {
            [&short(id)[..], &[0; 2], &short(1), &wide(at), &wide(length)].concat()
        };
        let of_tiles: Vec<u8> = tiles
            .iter()
            .flat_map(|id| extent(*id, data + grid.len(), coded.len()))
            .collect();
        let whole = extent(1, data, grid.len());
        let places = full(
            b"iloc",
            0,
            &[b"\x44\0", &short(tiles.len() + 1), &whole, &of_tiles],
        );
        let handler = full(b"hdlr", 0, &[&[0; 4], b"pict", &[0; 13]]);
        let primary = full(b"pitm", 0, &[&short(1)]);
        let described = sized(b"iprp", &[&properties, &owners]);
        full(
            b"meta",
            0,
            &[&handler, &primary, &places, &entries, &made_of, &described],
        )
    };
    let kind = sized(b"ftyp", &[b"heic\0\0\0\0mif1heic"]);
    let data = kind.len() + meta(0).len() + 8;
    [kind, meta(data), sized(b"mdat", &[&grid, coded])].concat()
}
