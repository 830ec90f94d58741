//! Checks that a JPEG file is complete by reading its Huffman codes to the end, without computing a pixel.
//!
//! A decoder fills the missing part of a broken file with gray, and a half-gray image would be trained on unnoticed.
//! The end marker proves nothing: a program that repairs files appends one, and a phone appends a video behind one. A
//! file is complete if each scan holds the codes of all its blocks. So this module walks the file as a decoder does:
//!
//! * An image is divided into blocks of 8 x 8 samples of one component (brightness, or a colour difference, which may
//!   be stored at a fraction of the resolution).
//! * A scan codes some components. A scan of several interleaves them: one *minimum coded unit* after the other, each
//!   of `h x v` blocks of each component. A scan of one component codes its blocks row by row.
//! * A sequential scan holds all 64 coefficients of a block: Huffman codes, each followed by the bits of a value. A
//!   progressive file spreads them over many scans: the constant coefficient (DC) apart from the others (AC), and the
//!   last bits of each in refining scans. Reading a refining scan requires knowing which coefficients are not zero so
//!   far.
//! * At the end a progressive file must have delivered every bit of every coefficient.
//!
//! Source: ITU-T Recommendation T.81 (1992), annexes A, B, F and G. Kinds that the decoder refuses anyway (arithmetic
//! coding, lossless, 12 bits, height in a DNL segment) are not judged here.

/// Checks that every scan of the file holds all codes that the size of the image asks for. The error says what is
/// wrong with the file, as "is cut short ...".
///
/// Bytes after the last code are not looked at, so neither an end marker nor what follows it matters.
pub(super) fn check_whole(bytes: &[u8]) -> Result<(), String> {
    let mut file = Walk { bytes, at: 2, tables: Default::default(), restart: 0, frame: None };
    let mut scans = 0;
    while let Some(marker) = file.marker() {
        match marker {
            END_OF_IMAGE => break,
            // Markers that stand alone.
            0x01 | 0xD0..=0xD8 => continue,
            _ => {}
        }
        let Some(segment) = file.segment() else { return Err(CUT.into()) };
        match marker {
            0xC0..=0xC2 => match Frame::read(segment, marker == 0xC2) {
                Some(frame) if file.frame.is_none() => file.frame = Some(frame),
                _ => return Ok(()),
            },
            0xC4 => file.read_tables(segment).ok_or("is damaged: a Huffman table is not valid")?,
            // Other frames: lossless, hierarchical, arithmetic. The decoder has the better message.
            0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => return Ok(()),
            0xDD => file.restart = segment.get(..2).map_or(0, |n| usize::from(u16::from_be_bytes([n[0], n[1]]))),
            START_OF_SCAN => {
                scans += 1;
                if scans > MOST_SCANS {
                    return Ok(());
                }
                let judged = file.scan(segment)?;
                if !judged || file.frame.as_ref().is_some_and(Frame::is_complete) {
                    return Ok(());
                }
            }
            _ => {}
        }
    }
    match file.frame {
        Some(_) => Err("is cut short: scans are missing at its end".into()),
        None => Err("is cut short: the file ends before its image begins".into()),
    }
}

const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;
/// More scans than any program writes: the decoder refuses them, and walking thousands of empty ones would take long.
const MOST_SCANS: usize = 100;
const CUT: &str = "is cut short: the file ends before its image does";
const INVALID_CODE: &str = "is damaged: it holds an undefined code";
const INVALID_SCAN: &str = "is damaged: a scan does not fit the image";

/// A reader: its position in the file, and the tables and headers read so far.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Huffman tables: four for DC, four for AC.
    tables: [[Option<Huffman>; 4]; 2],
    /// Minimum coded units between two restart markers; 0 for none.
    restart: usize,
    frame: Option<Frame>,
}

impl<'a> Walk<'a> {
    /// Returns the next marker: the byte behind one or more `FF`. `None` at the end of the file.
    fn marker(&mut self) -> Option<u8> {
        let next = self.bytes.get(self.at..)?.windows(2).position(|w| w[0] == 0xFF && !matches!(w[1], 0 | 0xFF))?;
        self.at += next + 2;
        Some(self.bytes[self.at - 1])
    }

    /// Returns the contents of a marker's segment, which begins with its own length. `None` if the file ends within.
    fn segment(&mut self) -> Option<&'a [u8]> {
        let length = self.bytes.get(self.at..)?.get(..2)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
        let segment = self.bytes.get(self.at + 2..self.at + length)?;
        self.at += length;
        Some(segment)
    }

    /// Reads the tables of a DHT segment. `None` if one is not valid.
    fn read_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [kind, rest @ ..] = segment {
            let counts: &[u8; 16] = rest.first_chunk()?;
            let n = counts.iter().map(|&c| usize::from(c)).sum::<usize>();
            let table = Huffman::new(counts, rest.get(16..16 + n)?)?;
            *self.tables.get_mut(usize::from(kind >> 4))?.get_mut(usize::from(kind & 15))? = Some(table);
            segment = &rest[16 + n..];
        }
        Some(())
    }

    /// Reads all codes of the scan whose header is `header`. False for one that is not checked: frames of films omit
    /// their Huffman tables, and decoders use the standard ones.
    fn scan(&mut self, header: &[u8]) -> Result<bool, String> {
        let frame = self.frame.as_mut().ok_or(INVALID_SCAN)?;
        let scan = Scan::read(header, frame).ok_or(INVALID_SCAN)?;
        let missing_table = |s: &Selected| {
            let (dc, ac) = (&self.tables[0][s.dc], &self.tables[1][s.ac]);
            (scan.needs_dc() && dc.is_none()) || (scan.needs_ac() && ac.is_none())
        };
        if scan.selected.iter().any(missing_table) {
            return Ok(false);
        }
        let (interleaved, units) = scan.units(frame);
        let mut bits = Bits { bytes: self.bytes, at: self.at, held: 0, count: 0 };
        let mut run = 0; // blocks whose remaining coefficients of this band are known to be zero
        for unit in 0..units {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                bits.restart((unit / self.restart - 1) % 8)?;
                run = 0;
            }
            for selected in &scan.selected {
                let component = &mut frame.components[selected.component];
                let tables = [self.tables[0][selected.dc].as_ref(), self.tables[1][selected.ac].as_ref()];
                for k in 0..if interleaved { component.h * component.v } else { 1 } {
                    let block = match interleaved {
                        true => {
                            let (x, y) = (unit % frame.units_across, unit / frame.units_across);
                            let (x, y) = (x * component.h + k % component.h, y * component.v + k / component.h);
                            y * component.stride + x
                        }
                        false => unit / component.across * component.stride + unit % component.across,
                    };
                    let nonzero = component.nonzero.get_mut(block);
                    scan.block(&mut bits, tables, nonzero, &mut run)?;
                }
            }
        }
        scan.mark(frame);
        self.at = bits.at;
        Ok(true)
    }
}

/// One component of the image.
struct Component {
    id: u8,
    /// Blocks in a minimum coded unit: across and down.
    h: usize,
    v: usize,
    /// Blocks of the component itself: across and down.
    across: usize,
    down: usize,
    /// Blocks across with those that fill up the last unit.
    stride: usize,
    /// Progressive files: for each block, a bit for each coefficient that is not zero so far. Empty otherwise.
    nonzero: Vec<u64>,
    /// Progressive files: for each coefficient, the bits not yet delivered; 255 where no scan was.
    missing: [u8; 64],
}

/// The frame header.
struct Frame {
    progressive: bool,
    units_across: usize,
    units_down: usize,
    components: Vec<Component>,
}

impl Frame {
    /// Reads a frame header; `None` for a kind that is not judged here.
    fn read(segment: &[u8], progressive: bool) -> Option<Frame> {
        let [8, h1, h0, w1, w0, n, rest @ ..] = segment else { return None };
        let (height, width) =
            (usize::from(u16::from_be_bytes([*h1, *h0])), usize::from(u16::from_be_bytes([*w1, *w0])));
        let specs = rest.get(..3 * usize::from(*n))?;
        let factors = |c: &[u8]| (usize::from(c[1] >> 4), usize::from(c[1] & 15));
        let specs: Vec<&[u8]> = specs.chunks_exact(3).collect();
        if height == 0 || width == 0 || !(1..=4).contains(n) {
            return None;
        }
        if specs.iter().any(|c| !(1..=4).contains(&factors(c).0) || !(1..=4).contains(&factors(c).1)) {
            return None;
        }
        let h_max = specs.iter().map(|c| factors(c).0).max()?;
        let v_max = specs.iter().map(|c| factors(c).1).max()?;
        let (units_across, units_down) = (width.div_ceil(8 * h_max), height.div_ceil(8 * v_max));
        let component = |c: &&[u8]| {
            let (h, v) = factors(c);
            let blocks = if progressive { units_across * h * units_down * v } else { 0 };
            Component {
                id: c[0],
                h,
                v,
                across: (width * h).div_ceil(h_max).div_ceil(8),
                down: (height * v).div_ceil(v_max).div_ceil(8),
                stride: units_across * h,
                nonzero: vec![0; blocks],
                missing: [255; 64],
            }
        };
        Some(Frame { progressive, units_across, units_down, components: specs.iter().map(component).collect() })
    }

    /// Returns whether the scans so far delivered every component, and of a progressive file every bit.
    fn is_complete(&self) -> bool {
        self.components.iter().all(|c| c.missing.iter().all(|&bits| bits == 0))
    }
}

/// A component in a scan, with its tables.
struct Selected {
    component: usize,
    dc: usize,
    ac: usize,
}

/// The scan header.
struct Scan {
    progressive: bool,
    selected: Vec<Selected>,
    /// The first and last coefficient, in zigzag order.
    first: usize,
    last: usize,
    /// Bits of the coefficients that earlier scans omitted, and that later ones will deliver.
    high: u8,
    low: u8,
}

impl Scan {
    fn read(header: &[u8], frame: &Frame) -> Option<Scan> {
        let (&n, rest) = header.split_first()?;
        let (specs, rest) = rest.split_at_checked(2 * usize::from(n))?;
        let [first, last, bits, ..] = *rest else { return None };
        let select = |s: &[u8]| {
            let component = frame.components.iter().position(|c| c.id == s[0])?;
            let (dc, ac) = (usize::from(s[1] >> 4), usize::from(s[1] & 15));
            (dc < 4 && ac < 4).then_some(Selected { component, dc, ac })
        };
        let selected: Vec<Selected> = specs.chunks_exact(2).map(select).collect::<Option<_>>()?;
        let (first, last, high, low) = match frame.progressive {
            true => (usize::from(first), usize::from(last), bits >> 4, bits & 15),
            false => (0, 63, 0, 0),
        };
        let bands = if first == 0 { last == 0 || !frame.progressive } else { selected.len() == 1 };
        let fits = !selected.is_empty() && first <= last && last < 64 && bands && low < 14;
        fits.then_some(Scan { progressive: frame.progressive, selected, first, last, high, low })
    }

    fn refines(&self) -> bool {
        self.high > 0
    }

    fn needs_dc(&self) -> bool {
        self.first == 0 && !self.refines()
    }

    fn needs_ac(&self) -> bool {
        self.last > 0
    }

    /// Returns whether the scan interleaves components, and its number of minimum coded units.
    fn units(&self, frame: &Frame) -> (bool, usize) {
        match &self.selected[..] {
            [alone] => {
                let component = &frame.components[alone.component];
                (false, component.across * component.down)
            }
            _ => (true, frame.units_across * frame.units_down),
        }
    }

    /// Remembers which bits of which coefficients the scan delivered.
    fn mark(&self, frame: &mut Frame) {
        for selected in &self.selected {
            frame.components[selected.component].missing[self.first..=self.last].fill(self.low);
        }
    }

    /// Reads the codes of one block (T.81, F.2.2 and G.1.2). `run` counts the blocks that an end-of-band code skipped.
    fn block(
        &self,
        bits: &mut Bits<'_>,
        [dc, ac]: [Option<&Huffman>; 2],
        nonzero: Option<&mut u64>,
        run: &mut usize,
    ) -> Result<(), String> {
        let mut unseen = 0;
        let nonzero = nonzero.unwrap_or(&mut unseen);
        let mut k = self.first;
        if k == 0 {
            match dc {
                Some(dc) if !self.refines() => {
                    let size = bits.code(dc)?;
                    if size > 15 {
                        return Err(INVALID_CODE.into());
                    }
                    bits.take(u32::from(size))?;
                }
                _ => drop(bits.take(1)?),
            }
            k = 1;
        }
        let Some(ac) = ac.filter(|_| self.last > 0) else { return Ok(()) };
        if *run > 0 {
            *run -= 1;
            return if self.refines() { self.refine_rest(bits, k, *nonzero) } else { Ok(()) };
        }
        while k <= self.last {
            let symbol = bits.code(ac)?;
            let (mut zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 && zeros < 15 {
                // The band ends here: in this block, and in progressive files in more blocks after it.
                if self.progressive {
                    *run = (1 << zeros) + bits.take(zeros as u32)? as usize - 1;
                }
                return if self.refines() { self.refine_rest(bits, k, *nonzero) } else { Ok(()) };
            }
            if !self.refines() {
                // `zeros` zeros, then one value; 15 zeros without a value are sixteen.
                k += zeros;
                if k > self.last && size > 0 {
                    return Err(INVALID_CODE.into());
                }
                bits.take(size)?;
                if self.progressive && size > 0 {
                    *nonzero |= 1 << k;
                }
                k += 1;
                continue;
            }
            // Refining: a bit for each coefficient known not to be zero, on the way past `zeros` that are.
            if size > 1 {
                return Err(INVALID_CODE.into());
            }
            bits.take(size)?;
            while k <= self.last {
                if *nonzero >> k & 1 == 1 {
                    bits.take(1)?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                k += 1;
            }
            if size == 1 {
                if k > self.last {
                    return Err(INVALID_CODE.into());
                }
                *nonzero |= 1 << k;
            }
            k += 1;
        }
        Ok(())
    }

    /// Returns the refining bits of the coefficients from `k` on that are known not to be zero.
    fn refine_rest(&self, bits: &mut Bits<'_>, k: usize, nonzero: u64) -> Result<(), String> {
        let n = (k..=self.last).filter(|&k| nonzero >> k & 1 == 1).count();
        (0..n).try_for_each(|_| bits.take(1).map(drop))
    }
}

/// A Huffman table: codes of up to sixteen bits, those of one length being consecutive numbers (T.81, annex C).
struct Huffman {
    /// For each length, the first code beyond those of that length, at sixteen bits.
    limit: [u32; 17],
    /// For each length, what to add to a code to find its symbol.
    offset: [i32; 17],
    symbols: Vec<u8>,
    /// For each first byte of a code: length and symbol, if the code is no longer than that; length 0 otherwise.
    short: Vec<(u8, u8)>,
}

impl Huffman {
    /// Returns a table of `counts[i]` codes of `i + 1` bits; `None` if there are more codes than the bits can
    /// represent.
    fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Huffman> {
        let (mut limit, mut offset, mut short) = ([0; 17], [0; 17], vec![(0, 0); 256]);
        let (mut code, mut seen) = (0u32, 0usize);
        for length in 1..=16 {
            let n = u32::from(counts[length - 1]);
            offset[length] = seen as i32 - code as i32;
            for i in 0..if length <= 8 { n } else { 0 } {
                let place = ((code + i) as usize) << (8 - length);
                short.get_mut(place..place + (1 << (8 - length)))?.fill((length as u8, symbols[seen + i as usize]));
            }
            code += n;
            seen += n as usize;
            if code > 1 << length {
                return None;
            }
            limit[length] = code << (16 - length);
            code <<= 1;
        }
        Some(Huffman { limit, offset, symbols: symbols.to_vec(), short })
    }
}

/// The bits of a scan. A zero byte after `FF` is stuffing; any other is a marker, where the bits end.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The last `count` bits that were read and not yet taken.
    held: u64,
    count: u32,
}

impl Bits<'_> {
    /// Reads ahead to at least sixteen bits, as far as there are any.
    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(&byte) = self.bytes.get(self.at) else { return };
            if byte == 0xFF {
                if self.bytes.get(self.at + 1) != Some(&0) {
                    return;
                }
                self.at += 1;
            }
            self.at += 1;
            self.held = self.held << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    /// Returns the next sixteen bits, filled up with zeros.
    fn peek(&mut self) -> u32 {
        if self.count < 16 {
            self.fill();
        }
        let bits = if self.count >= 16 { self.held >> (self.count - 16) } else { self.held << (16 - self.count) };
        (bits & 0xFFFF) as u32
    }

    /// Returns the next `n` bits as a number, at most sixteen.
    fn take(&mut self, n: u32) -> Result<u32, String> {
        let bits = self.peek();
        self.count = self.count.checked_sub(n).ok_or(CUT)?;
        Ok(if n == 0 { 0 } else { bits >> (16 - n) })
    }

    /// Returns the symbol of the next code.
    fn code(&mut self, table: &Huffman) -> Result<u8, String> {
        let bits = self.peek();
        let (length, symbol) = table.short[(bits >> 8) as usize];
        if length > 0 {
            self.count = self.count.checked_sub(u32::from(length)).ok_or(CUT)?;
            return Ok(symbol);
        }
        let length = (1..=16).find(|&length| bits < table.limit[length]).ok_or_else(|| self.no_code())?;
        let index = (bits >> (16 - length)) as i32 + table.offset[length];
        let symbol = usize::try_from(index).ok().and_then(|i| table.symbols.get(i)).ok_or(INVALID_CODE)?;
        self.count = self.count.checked_sub(length as u32).ok_or(CUT)?;
        Ok(*symbol)
    }

    /// Returns why no code begins with the next bits: the scan ends, or they are invalid.
    fn no_code(&self) -> &'static str {
        if self.count < 16 { CUT } else { INVALID_CODE }
    }

    /// Continues behind the restart marker number `expected`, which must come next.
    fn restart(&mut self, expected: usize) -> Result<(), String> {
        // What is left of a byte is filled up with ones; whole bytes would be padding, which is harmless.
        let rest = &self.bytes[self.at..];
        let next = rest.windows(2).position(|w| w[0] == 0xFF && !matches!(w[1], 0 | 0xFF)).ok_or(CUT)?;
        let marker = rest[next + 1];
        if marker == END_OF_IMAGE {
            return Err(CUT.into());
        }
        if usize::from(marker) != 0xD0 + expected {
            return Err("is damaged: parts of it are missing or out of order".into());
        }
        (self.at, self.held, self.count) = (self.at + next + 2, 0, 0);
        Ok(())
    }
}
