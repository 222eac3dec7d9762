//! Tickets by the command line: a file goes there and comes back.

use crate::house::House;

#[test]
fn a_file_goes_to_the_ticket_and_comes_back() {
    let house = House::new();
    let ticket = house.alice.ticket("What is this?").unwrap();
    // More than one signal holds, and nothing that packs well.
    let content: Vec<u8> = (0..750_000u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
    let (path, back) = (house.path("error message.png"), house.path("back.png"));
    std::fs::write(&path, &content).unwrap();
    let run = |words: &[&str]| house.alice.run(words).unwrap();
    let (path, back) = (path.to_str().unwrap(), back.to_str().unwrap());
    for _again in 0..2 {
        run(&["ticket", "attach", &ticket, path]).done().unwrap();
    }
    let shown = house.alice.shown(&ticket).unwrap();
    assert_eq!(shown["attachments"].as_array().unwrap().len(), 1);
    assert_eq!(shown["attachments"][0]["bytes"], content.len());
    run(&["ticket", "attachment", &ticket, "1", "-o", back]).done().unwrap();
    assert!(std::fs::read(back).unwrap() == content);

    assert_eq!(run(&["ticket", "attachment", &ticket, "2"]).code, Some(5));
    assert_eq!(run(&["ticket", "attach", "999999", path]).code, Some(5));
    assert_eq!(run(&["ticket", "attach", &ticket, "no such file"]).code, Some(5));
    let hidden = house.path(".hidden");
    std::fs::write(&hidden, "x").unwrap();
    let refused = run(&["ticket", "attach", &ticket, hidden.to_str().unwrap()]);
    assert_eq!(refused.code, Some(2));
}
