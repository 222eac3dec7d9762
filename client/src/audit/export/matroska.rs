//! Pictures with their times for another program to read from a pipe: Matroska (RFC 9559) with one
//! track of bare RGBA pixels, which unlike bare video says when each picture was there. Every picture
//! is a cluster of its own, so that nothing has to be known beforehand but the size.

/// EBML ids, RFC 8794 and RFC 9559.
mod id {
    pub(super) const EBML: u32 = 0x1a45_dfa3;
    pub(super) const DOC_TYPE: u32 = 0x4282;
    pub(super) const DOC_TYPE_VERSION: u32 = 0x4287;
    pub(super) const DOC_TYPE_READ_VERSION: u32 = 0x4285;
    pub(super) const SEGMENT: u32 = 0x1853_8067;
    pub(super) const INFO: u32 = 0x1549_a966;
    pub(super) const TIMESTAMP_SCALE: u32 = 0x002a_d7b1;
    pub(super) const MUXING_APP: u32 = 0x4d80;
    pub(super) const WRITING_APP: u32 = 0x5741;
    pub(super) const TRACKS: u32 = 0x1654_ae6b;
    pub(super) const TRACK: u32 = 0xae;
    pub(super) const NUMBER: u32 = 0xd7;
    pub(super) const UID: u32 = 0x73c5;
    pub(super) const TYPE: u32 = 0x83;
    pub(super) const LACING: u32 = 0x9c;
    pub(super) const CODEC: u32 = 0x86;
    pub(super) const VIDEO: u32 = 0xe0;
    pub(super) const WIDTH: u32 = 0xb0;
    pub(super) const HEIGHT: u32 = 0xba;
    pub(super) const COLOURS: u32 = 0x002e_b524;
    pub(super) const CLUSTER: u32 = 0x1f43_b675;
    pub(super) const TIMESTAMP: u32 = 0xe7;
    pub(super) const BLOCK: u32 = 0xa3;
}

/// Nanoseconds of one unit of time: a millisecond.
const SCALE: u64 = 1_000_000;
/// A size that is not known beforehand.
const OPEN: [u8; 8] = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// Track 1, at the cluster's own time, a picture that needs no other.
const BLOCK_HEAD: [u8; 4] = [0x81, 0, 0, 0x80];

/// What stands before the first picture.
pub(super) fn head(width: u32, height: u32) -> Vec<u8> {
    let text = |id, text: &str| element(id, text.as_bytes());
    let header = [
        text(id::DOC_TYPE, "matroska"),
        unsigned(id::DOC_TYPE_VERSION, 4),
        unsigned(id::DOC_TYPE_READ_VERSION, 2),
    ];
    let info = [
        unsigned(id::TIMESTAMP_SCALE, SCALE),
        text(id::MUXING_APP, "deskside"),
        text(id::WRITING_APP, "deskside"),
    ];
    let video = [
        unsigned(id::WIDTH, width.into()),
        unsigned(id::HEIGHT, height.into()),
        text(id::COLOURS, "RGBA"),
    ];
    let track = [
        unsigned(id::NUMBER, 1),
        unsigned(id::UID, 1),
        unsigned(id::TYPE, 1),
        unsigned(id::LACING, 0),
        text(id::CODEC, "V_UNCOMPRESSED"),
        element(id::VIDEO, &video.concat()),
    ];
    let segment = [bytes(id::SEGMENT), OPEN.to_vec()].concat();
    let tracks = element(id::TRACKS, &element(id::TRACK, &track.concat()));
    [element(id::EBML, &header.concat()), segment, element(id::INFO, &info.concat()), tracks]
        .concat()
}

/// What stands before the pixels of a picture, so many bytes, shown from `time_ms` on.
pub(super) fn picture_head(time_ms: u64, pixels: usize) -> Vec<u8> {
    let time = unsigned(id::TIMESTAMP, time_ms);
    let block = [bytes(id::BLOCK), size(BLOCK_HEAD.len() + pixels), BLOCK_HEAD.to_vec()].concat();
    let whole = size(time.len() + block.len() + pixels);
    [bytes(id::CLUSTER), whole, time, block].concat()
}

fn unsigned(id: u32, value: u64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

fn element(id: u32, content: &[u8]) -> Vec<u8> {
    [&bytes(id)[..], &size(content.len()), content].concat()
}

fn bytes(id: u32) -> Vec<u8> {
    id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

/// Always in eight bytes, the first of which says so.
fn size(content: usize) -> Vec<u8> {
    (content as u64 | 1 << 56).to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_have_their_id_size_and_content() {
        assert_eq!(element(id::TYPE, b"ab"), [0x83, 1, 0, 0, 0, 0, 0, 0, 2, b'a', b'b']);
        let cluster = picture_head(7, 4);
        assert_eq!(cluster[..12], [0x1f, 0x43, 0xb6, 0x75, 1, 0, 0, 0, 0, 0, 0, 34]);
        // What is announced is there, with the pixels.
        assert_eq!(cluster.len() + 4, 12 + 34);
        assert_eq!(cluster[cluster.len() - 4..], BLOCK_HEAD);
    }
}
