//! The stages that are present.

use anyhow::{Result, bail};
use stage01::{Promise, Stage, Stage01};
use stage02::Stage02;
use stage03::Stage03;
use stage04::Stage04;
use stage05::Stage05;
use stage06::Stage06;

/// Something to do with a stage, whichever it is. Stages are types, and a number from the command line is not.
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<S: Stage>(&mut self) -> Self::Output;
}

/// A stage, by what it says about itself.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The number that a reader types.
    pub number: u32,
    /// The package's name.
    pub name: &'static str,
    /// The one idea of the stage.
    pub title: &'static str,
    /// The promises that it keeps.
    pub keeps: &'static [Promise],
}

/// Visits every stage, in order.
pub fn visit_all<V: Visitor>(visitor: &mut V) -> Vec<V::Output> {
    vec![
        visitor.visit::<Stage01>(),
        visitor.visit::<Stage02>(),
        visitor.visit::<Stage03>(),
        visitor.visit::<Stage04>(),
        visitor.visit::<Stage05>(),
        visitor.visit::<Stage06>(),
    ]
}

/// Visits the stage with this number.
pub fn visit<V: Visitor>(number: u32, visitor: &mut V) -> Result<V::Output> {
    Ok(match number {
        1 => visitor.visit::<Stage01>(),
        2 => visitor.visit::<Stage02>(),
        3 => visitor.visit::<Stage03>(),
        4 => visitor.visit::<Stage04>(),
        5 => visitor.visit::<Stage05>(),
        6 => visitor.visit::<Stage06>(),
        _ => bail!("there is no stage {number}; the stages are {}", numbers()),
    })
}

/// Every stage, in order.
pub fn all() -> Vec<About> {
    struct Ask {
        number: u32,
    }
    impl Visitor for Ask {
        type Output = About;
        fn visit<S: Stage>(&mut self) -> About {
            self.number += 1;
            About { number: self.number, name: S::NAME, title: S::TITLE, keeps: S::KEEPS }
        }
    }
    visit_all(&mut Ask { number: 0 })
}

/// The stages with these numbers; all of them if there are none.
pub fn chosen(numbers: &[u32]) -> Result<Vec<About>> {
    let all = all();
    if let Some(missing) = numbers.iter().find(|number| !all.iter().any(|stage| stage.number == **number)) {
        bail!("there is no stage {missing}; the stages are {}", self::numbers());
    }
    Ok(all.into_iter().filter(|stage| numbers.is_empty() || numbers.contains(&stage.number)).collect())
}

fn numbers() -> String {
    all().iter().map(|stage| stage.number.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_the_same_stage_everywhere() {
        struct Name;
        impl Visitor for Name {
            type Output = &'static str;
            fn visit<S: Stage>(&mut self) -> &'static str {
                S::NAME
            }
        }
        for stage in all() {
            assert_eq!(visit(stage.number, &mut Name).unwrap(), stage.name);
            assert_eq!(stage.name, format!("stage{:02}", stage.number));
            assert_eq!(chosen(&[stage.number]).unwrap().len(), 1);
        }
    }

    #[test]
    fn a_stage_that_is_not_there_is_named_with_those_that_are() {
        let said = chosen(&[1, 9]).unwrap_err().to_string();
        assert_eq!(said, "there is no stage 9; the stages are 1, 2, 3, 4, 5, 6");
    }
}
