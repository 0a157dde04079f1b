//! Kind `ou`: the general Ornstein-Uhlenbeck process of appendix D.

use langevin_theory::Time;
use langevin_theory::ou::{OrnsteinUhlenbeck, Relaxation, StationaryLaw};
use nalgebra::{DMatrix, DVector};
use serde_json::{Value, json};

use super::{Answer, each, matrix, times, vector};
use crate::document::Table;
use crate::error::{Result, VerifyError};

pub(super) fn process(mut table: Table, answer: &mut Answer) -> Result<()> {
    let drift = table.required_matrix("drift")?;
    let size = drift.nrows();
    let mean = table.vector("mean")?.unwrap_or_else(|| DVector::zeros(size));
    let diffusion = table.required_matrix("diffusion")?;
    let kappa = table.number("kappa")?.unwrap_or(1.0);
    let initial_mean = table.vector("initial_mean")?.unwrap_or_else(|| mean.clone());
    let initial_covariance = table.matrix("initial_covariance")?.unwrap_or_else(|| DMatrix::zeros(size, size));
    let times = times(&mut table)?;
    let pairs = read_pairs(&mut table)?;
    let points = read_points(&mut table, size)?;
    let parity = read_parity(&mut table, size)?;
    table.finish()?;
    let process = OrnsteinUhlenbeck::new(drift, mean, &diffusion, kappa)?;

    answer.put("mean", each(&times, |time| process.mean(&initial_mean, time).map(|mean| vector(&mean))))?;
    answer.put("covariance", each(&times, |time| process.covariance(&initial_covariance, time).map(|c| matrix(&c))))?;
    answer.put(
        "cross_covariance",
        each(&pairs, |(first, second)| {
            process.cross_covariance(&initial_covariance, first, second).map(|covariance| matrix(&covariance))
        }),
    )?;
    let law = process.stationary();
    let of_law =
        |quantity: &dyn Fn(&StationaryLaw) -> langevin_theory::Result<Value>| -> langevin_theory::Result<Value> {
            law.as_ref().map_err(Clone::clone).and_then(quantity)
        };
    answer.put("lyapunov", of_law(&|law| Ok(matrix(law.lyapunov()))))?;
    answer.put("stationary_covariance", of_law(&|law| Ok(matrix(&law.covariance()))))?;
    answer.put("circulation", of_law(&|law| Ok(matrix(law.circulation()))))?;
    answer.put("precision", of_law(&|law| law.precision().map(matrix)))?;
    let at_points = |quantity: &dyn Fn(&StationaryLaw, &DVector<f64>) -> langevin_theory::Result<Value>| {
        of_law(&|law| {
            law.precision()?;
            points.iter().map(|point| quantity(law, point)).collect::<langevin_theory::Result<Value>>()
        })
    };
    answer.put("potential", at_points(&|law, point| law.potential(point).map(Value::from)))?;
    answer.put("force", at_points(&|law, point| law.force(point).map(|force| vector(&force))))?;
    answer.put("current", at_points(&|law, point| law.current(point).map(|current| vector(&current))))?;
    answer.put("log_density", at_points(&|law, point| law.log_density(point).map(Value::from)))?;
    answer.put("detailed_balance", of_law(&|law| Ok(Value::from(law.detailed_balance()))))?;
    answer.put("entropy_production", of_law(&|law| law.entropy_production().map(Value::from)))?;
    if let Some(parity) = parity {
        answer.put(
            "entropy_production_with_parity",
            of_law(&|law| law.entropy_production_with_parity(&parity).map(Value::from)),
        )?;
    }
    let relaxations = match law.as_ref().map(|law| law.precision().map(|_| law)) {
        Ok(Ok(law)) => times
            .iter()
            .map(|&time| law.relaxation(&process, &initial_mean, &initial_covariance, time))
            .collect::<langevin_theory::Result<Vec<Relaxation>>>(),
        Ok(Err(error)) => Err(error),
        Err(error) => Err(error.clone()),
    };
    let quantities: [(&str, Quantity); 3] = [
        ("free_energy", |relaxation| &relaxation.free_energy),
        ("free_energy_rate", |relaxation| &relaxation.free_energy_rate),
        ("kl_to_stationary", |relaxation| &relaxation.kl_to_stationary),
    ];
    for (name, quantity) in quantities {
        answer.put(
            name,
            relaxations.as_ref().map_err(Clone::clone).map(|all| {
                let values = all.iter().map(|relaxation| quantity(relaxation).as_ref().ok().copied());
                values.map(|value| json!(value)).collect::<Value>()
            }),
        )?;
        // an entry without value: why the law at that time has none
        for (index, relaxation) in relaxations.iter().flatten().enumerate() {
            if let Err(error) = quantity(relaxation) {
                answer.explain(&format!("{name}[{index}]"), error)?;
            }
        }
    }
    Ok(())
}

/// One of the quantities that change with time.
type Quantity = fn(&Relaxation) -> &langevin_theory::Result<f64>;

/// `[[t, s], ...]`.
fn read_pairs(table: &mut Table) -> Result<Vec<(Time, Time)>> {
    let Some(value) = table.value("pairs") else { return Ok(Vec::new()) };
    if value.as_array().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let wrong = |found: &Value| table.refuse("pairs", found, "a list of pairs of times [[t, s], ...]");
    let list = value.as_array().ok_or_else(|| wrong(&value))?;
    list.iter()
        .map(|pair| {
            let numbers = pair.as_array().filter(|pair| pair.len() == 2);
            let time = |index: usize| {
                let number = numbers.and_then(|numbers| numbers[index].as_f64()).ok_or_else(|| wrong(pair))?;
                Time::new(number).map_err(VerifyError::from)
            };
            Ok((time(0)?, time(1)?))
        })
        .collect()
}

/// A list of points, each of the size of the process.
fn read_points(table: &mut Table, size: usize) -> Result<Vec<DVector<f64>>> {
    let Some(value) = table.value("points") else { return Ok(Vec::new()) };
    let wrong = |found: &Value| table.refuse("points", found, format!("a list of points of {size} numbers each"));
    let list = value.as_array().ok_or_else(|| wrong(&value))?;
    list.iter()
        .map(|point| {
            let numbers: Option<Vec<f64>> = match point {
                Value::Array(entries) => entries.iter().map(Value::as_f64).collect(),
                Value::Number(number) if size == 1 => number.as_f64().map(|number| vec![number]),
                _ => None,
            };
            let numbers = numbers.filter(|numbers| numbers.len() == size).ok_or_else(|| wrong(point))?;
            Ok(DVector::from_vec(numbers))
        })
        .collect()
}

/// +1 or -1 per coordinate.
fn read_parity(table: &mut Table, size: usize) -> Result<Option<Vec<i8>>> {
    let Some(numbers) = table.numbers("parity")? else { return Ok(None) };
    let admissible = format!("{size} entries, each 1 or -1");
    if numbers.len() != size {
        return Err(table.refuse("parity", format!("{} entries", numbers.len()), admissible).into());
    }
    numbers
        .iter()
        .map(|&sign| match sign {
            1.0 => Ok(1),
            -1.0 => Ok(-1),
            other => Err(table.refuse("parity", other, admissible.clone()).into()),
        })
        .collect::<Result<Vec<i8>>>()
        .map(Some)
}
